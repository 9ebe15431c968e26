-- Recovery points: a cache of the repository's manifests, which any one provider can refill. An id begins with the moment of
-- the snapshot, so a range of ids is a range of time: partition by range of the primary key.
-- +goose Up

create table recovery_points (
    id                  text primary key,
    taken_at            timestamptz not null,
    backup_type         text not null,
    note                text not null default '',
    labels              jsonb not null default '{}',
    organization        text,
    operation_id        uuid references backup_operations (id) on delete set null,
    source_database     text not null,
    source_server       text not null,
    tables              integer not null,
    rows                bigint not null,
    bytes_read          bigint not null,
    bytes_stored        bigint not null,
    bytes_new           bigint not null,
    chunks              bigint not null,
    chunks_new          bigint not null,
    seconds             double precision not null,
    copies              jsonb not null,
    protected           boolean not null,
    lacks               text not null default '',
    seen_at             timestamptz not null default now(),

    -- Of points that belong to one wedding: null for those that hold the whole platform.
    wedding_id          text,
    wedding_date        date,
    wedding_milestone   text,
    days_before_wedding integer,
    timeline_phase      text,
    wedding_metadata    jsonb not null default '{}',

    -- 'unreadable': the manifest is there, and no provider's copy of it can be opened.
    constraint recovery_points_type_is_known check (backup_type in ('full', 'incremental', 'critical', 'wedding', 'emergency', 'unreadable')),
    constraint recovery_points_lacks_iff_unprotected check (protected = (lacks = '')),
    constraint recovery_points_phase_is_known check (timeline_phase in ('planning', 'preparation', 'execution', 'post_event')),
    constraint recovery_points_phase_follows_days check (
        (timeline_phase is null) = (days_before_wedding is null)
        and (timeline_phase is null or timeline_phase = case
            when days_before_wedding > 30 then 'planning'
            when days_before_wedding > 1 then 'preparation'
            when days_before_wedding >= 0 then 'execution'
            else 'post_event' end)),
    constraint recovery_points_wedding_is_whole check (
        (wedding_id is null) = (wedding_date is null) and (wedding_id is null) = (days_before_wedding is null))
);
create index recovery_points_by_time on recovery_points (taken_at desc, id desc);
create index recovery_points_by_type on recovery_points (backup_type, id desc);
create index recovery_points_by_wedding_date_and_phase on recovery_points (wedding_date, timeline_phase) where wedding_date is not null;
create index recovery_points_by_wedding on recovery_points (wedding_id, taken_at desc) where wedding_id is not null;
create index recovery_points_wedding_metadata on recovery_points using gin (wedding_metadata jsonb_path_ops);
create index recovery_points_labels on recovery_points using gin (labels jsonb_path_ops);
create index recovery_points_by_operation on recovery_points (operation_id) where operation_id is not null;

alter table recovery_points enable row level security, force row level security;
create policy recovery_points_actor on recovery_points
    using (keepsake_sees(organization)) with check (keepsake_sees(organization));

-- Every proof or failure of a recovery point.
create table backup_tests (
    id           uuid primary key,
    point_id     text not null references recovery_points (id) on delete cascade,
    operation_id uuid references backup_operations (id) on delete set null,
    organization text,
    kind         text not null,
    tested_at    timestamptz not null,
    ok           boolean not null,
    findings     integer not null,
    seconds      double precision not null,
    constraint backup_tests_kind_is_known check (kind in ('verify', 'deep_verify', 'restore')),
    constraint backup_tests_findings_not_negative check (findings >= 0)
);
create index backup_tests_by_point on backup_tests (point_id, tested_at desc);
create index backup_tests_by_operation on backup_tests (operation_id) where operation_id is not null;
alter table backup_tests enable row level security, force row level security;
create policy backup_tests_actor on backup_tests
    using (keepsake_sees(organization)) with check (keepsake_sees(organization));

-- Every restore that ended: how it went and how long it took, which is the RTO that was really reached.
create table disaster_recovery_events (
    id               uuid primary key,
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
    constraint disaster_recovery_events_outcome_is_known check (outcome in ('done', 'failed', 'cancelled')),
    constraint disaster_recovery_events_rto_iff_done check ((outcome = 'done') = (rto_seconds is not null)),
    constraint disaster_recovery_events_phase_is_known check (timeline_phase in ('planning', 'preparation', 'execution', 'post_event')),
    constraint disaster_recovery_events_times_in_order check (finished_at >= started_at)
);
create index disaster_recovery_events_by_time on disaster_recovery_events (finished_at desc);
create index disaster_recovery_events_by_operation on disaster_recovery_events (operation_id) where operation_id is not null;
create index disaster_recovery_events_by_wedding_date_and_phase on disaster_recovery_events (wedding_date, timeline_phase) where wedding_date is not null;
create index disaster_recovery_events_wedding_metadata on disaster_recovery_events using gin (wedding_metadata jsonb_path_ops);
alter table disaster_recovery_events enable row level security, force row level security;
create policy disaster_recovery_events_actor on disaster_recovery_events
    using (keepsake_sees(organization)) with check (keepsake_sees(organization));

-- +goose Down
drop table disaster_recovery_events, backup_tests, recovery_points;
