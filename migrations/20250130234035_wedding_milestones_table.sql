-- The days of a wedding that have a name, other than those that follow from its day.
-- +goose Up

create table wedding_milestones (
    platform     text not null,
    wedding_id   text not null,
    name         text not null,
    day          date not null,
    organization text,
    set_by       text not null,
    set_at       timestamptz not null default now(),
    primary key (platform, wedding_id, name),
    constraint wedding_milestones_platform_has_a_name check (platform <> ''),
    constraint wedding_milestones_name_is_one check (length(name) between 1 and 60)
);
create index wedding_milestones_by_day on wedding_milestones (platform, day);
alter table wedding_milestones enable row level security, force row level security;
create policy wedding_milestones_actor on wedding_milestones
    using ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()));

-- +goose Down
drop table wedding_milestones;
