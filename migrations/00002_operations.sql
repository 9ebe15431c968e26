-- Operations: what was asked for, who holds it, how it ended. Ids are UUIDv7, so a range of ids is a range of time: the table
-- can be partitioned by range of its primary key without changing a key.
-- +goose Up

create table backup_operations (
    id                  uuid primary key,
    kind                text not null,
    state               text not null default 'queued',
    organization        text,

    backup_type         text,
    note                text not null default '',
    labels              jsonb not null default '{}',
    point_id            text not null default '',
    deep                boolean not null default false,
    target              text not null default '',
    target_database     text not null default '',
    target_create       boolean not null default false,
    provider            text not null default '',
    tiers               text[] not null default '{}',

    requested_by        text not null,
    requested_name      text not null,
    created_at          timestamptz not null default now(),
    started_at          timestamptz,
    finished_at         timestamptz,
    attempt             integer not null default 0,
    cancel_requested_at timestamptz,
    cancel_requested_by text,

    -- The lease: who works on it now. Every write of a worker names the fence it was given; a higher one shuts it out.
    worker              text,
    fence               bigint not null default 0,
    heartbeat_at        timestamptz,

    last_event_id       bigint not null default 0,
    progress            jsonb,

    result              jsonb,
    rows_done           bigint not null default 0,
    bytes_done          bigint not null default 0,
    seconds             double precision not null default 0,
    ok                  boolean,
    protected           boolean,
    lacks               text not null default '',
    error_code          text,
    error_message       text,

    constraint backup_operations_kind_is_known check (kind in ('backup', 'verify', 'restore')),
    constraint backup_operations_state_is_known check (state in ('queued', 'running', 'interrupted', 'done', 'failed', 'cancelled')),
    constraint backup_operations_type_is_known check (backup_type in ('full', 'incremental', 'critical', 'wedding', 'emergency')),
    constraint backup_operations_type_iff_backup check ((kind = 'backup') = (backup_type is not null)),
    constraint backup_operations_target_iff_restore check ((kind = 'restore') = (target <> '' and target_database <> '')),
    constraint backup_operations_finished_iff_final check ((state in ('done', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint backup_operations_lease_iff_running check ((state = 'running') = (worker is not null and heartbeat_at is not null)),
    constraint backup_operations_no_half_lease check ((worker is null) = (heartbeat_at is null)),
    constraint backup_operations_started_iff_attempted check ((attempt = 0) = (started_at is null)),
    constraint backup_operations_result_iff_done check ((state = 'done') = (result is not null)),
    constraint backup_operations_verdict_iff_done check ((state = 'done') = (ok is not null)),
    constraint backup_operations_protected_iff_done_backup check ((state = 'done' and kind = 'backup') = (protected is not null)),
    constraint backup_operations_error_iff_failed check ((state = 'failed') = (error_code is not null) and (error_code is null) = (error_message is null)),
    constraint backup_operations_cancelled_was_asked check (state <> 'cancelled' or cancel_requested_at is not null),
    constraint backup_operations_times_in_order check (finished_at is null or finished_at >= coalesce(started_at, created_at))
);

-- Only one backup of the platform at a time. When the table is partitioned this becomes a row in a table of slots.
create unique index backup_operations_one_active_backup on backup_operations (kind)
    where kind = 'backup' and state in ('queued', 'running', 'interrupted');
create index backup_operations_active on backup_operations (id) where state in ('queued', 'running', 'interrupted');
create index backup_operations_by_kind on backup_operations (kind, id desc);
create index backup_operations_by_state on backup_operations (state, id desc);
create index backup_operations_measured on backup_operations (backup_type, id desc) where kind = 'backup' and state = 'done';

-- +goose StatementBegin
create function backup_operations_guard() returns trigger language plpgsql as $$
begin
    if old.state in ('done', 'failed', 'cancelled') and new.state <> old.state then
        raise exception 'operation % has ended as % and stays so', old.id, old.state using errcode = 'check_violation';
    end if;
    if new.fence < old.fence or new.last_event_id < old.last_event_id then
        raise exception 'fence and event ids of operation % only grow', old.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger backup_operations_guard before update on backup_operations
    for each row execute function backup_operations_guard();

alter table backup_operations enable row level security, force row level security;
create policy backup_operations_actor on backup_operations
    using (keepsake_sees(organization)) with check (keepsake_sees(organization));

-- The log of an operation. Ids are taken from backup_operations.last_event_id, which progress reports raise too: they grow
-- within an operation, with gaps. Partition by range of operation_id, which is a range of time.
create table operation_events (
    operation_id uuid not null references backup_operations (id) on delete cascade,
    id           bigint not null,
    at           timestamptz not null,
    level        text not null,
    message      text not null,
    primary key (operation_id, id),
    constraint operation_events_level_is_known check (level in ('info', 'warn', 'error'))
);
alter table operation_events enable row level security, force row level security;
create policy operation_events_actor on operation_events
    using (keepsake_is_system() or exists (select from backup_operations o where o.id = operation_id))
    with check (keepsake_is_system() or exists (select from backup_operations o where o.id = operation_id));

-- What is known of each provider, so that a page never has to ask one.
create table provider_states (
    name              text primary key,
    medium            text not null,
    region            text not null default '',
    offsite           boolean not null,
    checked_at        timestamptz,
    reachable         boolean not null default false,
    error             text not null default '',
    last_point        text not null default '',
    last_confirmed_at timestamptz,
    points            bigint not null default 0, -- recovery points confirmed there
    constraint provider_states_reachable_was_checked check (not reachable or checked_at is not null),
    constraint provider_states_confirmed_point check ((last_point = '') = (last_confirmed_at is null))
);
alter table provider_states enable row level security, force row level security;
create policy provider_states_read on provider_states for select using (keepsake_is_someone());
create policy provider_states_write on provider_states using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table provider_states, operation_events, backup_operations;
drop function backup_operations_guard();
