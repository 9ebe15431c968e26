-- The days of a wedding that have a name, other than those that follow from its day.
-- +goose Up

create table wedding_milestones (
    wedding_id   text not null,
    name         text not null,
    day          date not null,
    organization text,
    set_by       text not null,
    set_at       timestamptz not null default now(),
    primary key (wedding_id, name),
    constraint wedding_milestones_name_is_one check (length(name) between 1 and 60)
);
create index wedding_milestones_by_day on wedding_milestones (day);
alter table wedding_milestones enable row level security, force row level security;
create policy wedding_milestones_actor on wedding_milestones
    using (keepsake_sees(organization)) with check (keepsake_sees(organization));

-- For which weddings a backup is made: an array of {wedding, date, milestone, phase}.
alter table backup_operations add column weddings jsonb not null default '[]';

-- What retention never removes. The repository knows it too: this is its cache.
alter table recovery_points add column locked boolean not null default false;

-- +goose Down
alter table recovery_points drop column locked;
alter table backup_operations drop column weddings;
drop table wedding_milestones;
