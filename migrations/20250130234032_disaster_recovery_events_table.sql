-- Every restore that ended: how it went and how long it took, which is the RTO that was really reached.
-- +goose Up

create table disaster_recovery_events (
    id               uuid primary key,
    platform         text not null,
    operation_id     uuid references backup_operations (id) on delete set null,
    organization     text,
    point_id         text not null,
    target           text not null,
    target_database  text not null,
    started_at       timestamptz not null,
    finished_at      timestamptz not null,
    outcome          text not null,
    rto_seconds      double precision,
    tier_seconds     jsonb not null default '{}',
    wedding_date     date,
    timeline_phase   text,
    wedding_metadata jsonb not null default '{}',
    constraint disaster_recovery_events_platform_has_a_name check (platform <> ''),
    constraint disaster_recovery_events_outcome_is_known check (outcome in ('done', 'failed', 'cancelled')),
    constraint disaster_recovery_events_rto_iff_done check ((outcome = 'done') = (rto_seconds is not null)),
    constraint disaster_recovery_events_phase_is_known
        check (timeline_phase in ('planning', 'preparation', 'execution', 'post_event')),
    constraint disaster_recovery_events_times_in_order check (finished_at >= started_at)
);
create index disaster_recovery_events_by_time on disaster_recovery_events (platform, finished_at desc);
-- Those that say how long a tier took are few among restores of a wedding.
create index disaster_recovery_events_of_tiers on disaster_recovery_events (platform, finished_at desc)
    where outcome = 'done' and tier_seconds <> '{}';
create index disaster_recovery_events_by_operation on disaster_recovery_events (operation_id)
    where operation_id is not null;
create index disaster_recovery_events_by_wedding_date_and_phase
    on disaster_recovery_events (platform, wedding_date, timeline_phase)
    where wedding_date is not null;
create index disaster_recovery_events_wedding_metadata on disaster_recovery_events
    using gin (wedding_metadata jsonb_path_ops);
alter table disaster_recovery_events enable row level security, force row level security;
create policy disaster_recovery_events_actor on disaster_recovery_events
    using ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()));

-- +goose Down
drop table disaster_recovery_events;
