-- Operations: what was asked for, who holds it, how it ended. Ids are UUIDv7, so a range of ids is a range of time.
-- +goose Up

create table backup_operations (
    id                  uuid primary key,
    kind                text not null,
    state               text not null default 'queued',
    platform            text not null,
    organization        text, -- of the platform

    backup_type         text,
    note                text not null default '',
    labels              jsonb not null default '{}',
    -- for which a backup is made: an array of {wedding, date, milestone, phase}
    weddings            jsonb not null default '[]',
    point_id            text not null default '',
    deep                boolean not null default false,
    target              text not null default '',
    target_database     text not null default '',
    provider            text not null default '',
    -- What a restore was asked for: its scope (keepsake.Scope), what was confirmed,
    -- and the id to undo it by or the sealed address of a server that no configuration names.
    -- See console.RestoreAsked.
    restore             jsonb,

    requested_by        text not null,
    requested_name      text not null,
    approved_by         text not null default '', -- id of the actor
    approved_name       text not null default '',
    approved_at         timestamptz,
    created_at          timestamptz not null default now(),
    started_at          timestamptz,
    finished_at         timestamptz,
    attempt             integer not null default 0,
    cancel_requested_at timestamptz,
    cancel_requested_by text,

    -- that it has from when it may run until it has ended: what its kind says
    slots               text[] not null default '{}',

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

    -- What a backup that is done covers: facts of its snapshot, as its manifest has them (keepsake.Coverage).
    wedding_data_categories jsonb,          -- an array of {tier, rows, tables: [{table, rows}]}
    -- the milestones that it was made for: an array of {wedding, date, milestone}
    critical_milestone_data jsonb,
    -- {vendors, reachable}: how many there are, and how many can be called or written to
    vendor_integration_data jsonb,
    wedding_dates_covered   datemultirange, -- the days on which there are weddings

    constraint backup_operations_platform_has_a_name check (platform <> ''),
    constraint backup_operations_kind_is_known check (kind in ('backup', 'verify', 'repair', 'restore', 'scoped')),
    constraint backup_operations_state_is_known
        check (state in ('proposed', 'queued', 'running', 'interrupted', 'done', 'failed', 'cancelled')),
    constraint backup_operations_type_is_known
        check (backup_type in ('full', 'incremental', 'critical', 'wedding', 'emergency')),
    constraint backup_operations_type_iff_backup check ((kind = 'backup') = (backup_type is not null)),
    constraint backup_operations_target_iff_restore
        check ((kind = 'restore') = (target <> '' and target_database <> '')),
    constraint backup_operations_asked_iff_restore check ((kind in ('restore', 'scoped')) = (restore is not null)),
    constraint backup_operations_restore_has_a_scope
        check (restore is null
            or jsonb_exists(restore, 'scope')
            or kind = 'scoped' and jsonb_exists(restore, 'undo_of')),
    constraint backup_operations_approval_is_whole check ((approved_at is null) = (approved_by = '')),
    constraint backup_operations_nobody_approves_their_own check (approved_by = '' or approved_by <> requested_by),
    constraint backup_operations_only_restores_are_proposed
        check (state <> 'proposed' or kind in ('restore', 'scoped') and approved_at is null),
    constraint backup_operations_finished_iff_final
        check ((state in ('done', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint backup_operations_lease_iff_running
        check ((state = 'running') = (worker is not null and heartbeat_at is not null)),
    constraint backup_operations_no_half_lease check ((worker is null) = (heartbeat_at is null)),
    constraint backup_operations_started_iff_attempted check ((attempt = 0) = (started_at is null)),
    constraint backup_operations_result_iff_done check ((state = 'done') = (result is not null)),
    constraint backup_operations_verdict_iff_done check ((state = 'done') = (ok is not null)),
    constraint backup_operations_protected_iff_done_backup
        check ((state = 'done' and kind = 'backup') = (protected is not null)),
    constraint backup_operations_error_iff_failed
        check ((state = 'failed') = (error_code is not null) and (error_code is null) = (error_message is null)),
    constraint backup_operations_cancelled_was_asked check (state <> 'cancelled' or cancel_requested_at is not null),
    constraint backup_operations_coverage_is_of_a_done_backup check (kind = 'backup' and state = 'done'
        or wedding_data_categories is null
            and critical_milestone_data is null
            and vendor_integration_data is null
            and wedding_dates_covered is null),
    constraint backup_operations_categories_are_tiers
        check (jsonb_typeof(wedding_data_categories) = 'array' and not jsonb_path_exists(wedding_data_categories,
            '$[*] ? (!exists (@.tier ? (@ == "critical" || @ == "high" || @ == "standard"))'
            ' || !exists (@.rows ? (@ >= 0)) || !exists (@.tables) || @.tables.type() != "array")')),
    constraint backup_operations_milestones_are_whole
        check (jsonb_typeof(critical_milestone_data) = 'array' and not jsonb_path_exists(critical_milestone_data,
            '$[*] ? (!exists (@.wedding ? (@ != "")) || !exists (@.milestone ? (@ != "")))')),
    constraint backup_operations_vendors_are_counted check (vendor_integration_data is null
        or coalesce((vendor_integration_data ->> 'reachable')::bigint
            between 0 and (vendor_integration_data ->> 'vendors')::bigint, false)),
    constraint backup_operations_dates_have_ends
        check (not lower_inf(wedding_dates_covered) and not upper_inf(wedding_dates_covered)),
    constraint backup_operations_times_in_order
        check (finished_at is null or finished_at >= coalesce(started_at, created_at))
);

create index backup_operations_active on backup_operations (id)
    where state in ('proposed', 'queued', 'running', 'interrupted');
-- Who looks for something more urgent than a backup, several times a second.
create index backup_operations_urgent on backup_operations (id)
    where kind in ('restore', 'scoped') and state in ('queued', 'running', 'interrupted');
create index backup_operations_by_kind on backup_operations (kind, id desc);
create index backup_operations_by_state on backup_operations (state, id desc);
create index backup_operations_by_kind_and_state on backup_operations (kind, state, id desc);
create index backup_operations_by_organization on backup_operations (platform, organization, id desc)
    where organization is not null;
create index backup_operations_measured on backup_operations (backup_type, id desc)
    where kind = 'backup' and state = 'done';
create index backup_operations_by_type on backup_operations (backup_type, id desc) where backup_type is not null;
create index backup_operations_by_point on backup_operations (point_id) where kind = 'backup' and point_id <> '';
create index backup_operations_restores on backup_operations (coalesce(finished_at, 'infinity'))
    where kind in ('restore', 'scoped');
-- For an administrator's own questions (GIN knows no ranges): the console's role is bound by row-level security,
-- which comes before any operator that could leak, so its lists walk their own order.
create index backup_operations_data_categories on backup_operations using gin (wedding_data_categories jsonb_path_ops);
create index backup_operations_milestone_data on backup_operations using gin (critical_milestone_data jsonb_path_ops);
create index backup_operations_vendor_data on backup_operations using gin (vendor_integration_data jsonb_path_ops);
create index backup_operations_dates_covered on backup_operations using gist (wedding_dates_covered);
-- Of the backups, those that were made for a milestone are few.
create index backup_operations_for_milestones on backup_operations (id desc) where critical_milestone_data <> '[]';
-- Few operations have what lists are filtered by.
-- PostgreSQL applies row-level security before it looks into JSON, so no index over the JSON itself would be used:
-- this one holds the rows that have any, in the order of the lists.
create index backup_operations_about_some on backup_operations (id desc)
    where organization is not null or restore is not null or weddings <> '[]';

-- What was asked for stays what was asked for, and goes through its states in order. What has ended stays as it is.
-- +goose StatementBegin
create function backup_operations_guard() returns trigger language plpgsql as $$
begin
    if new.state <> old.state and not (old.state, new.state) in (values
        ('proposed', 'queued'), ('proposed', 'cancelled'),
        ('queued', 'running'), ('queued', 'cancelled'),
        ('running', 'interrupted'), ('running', 'done'), ('running', 'failed'), ('running', 'cancelled'),
        ('interrupted', 'running'), ('interrupted', 'cancelled')) then
        raise exception 'operation % is % and does not become %', old.id, old.state, new.state
            using errcode = 'check_violation';
    end if;
    if old.state in ('done', 'failed', 'cancelled')
        and (to_jsonb(new) - 'note' - 'labels') <> (to_jsonb(old) - 'note' - 'labels') then
        raise exception 'operation % has ended as % and stays so', old.id, old.state using errcode = 'check_violation';
    end if;
    if (new.id, new.kind, new.slots, new.backup_type, new.deep, new.target, new.target_database, new.provider,
        new.restore, new.weddings, new.requested_by, new.requested_name, new.created_at)
        is distinct from (old.id, old.kind, old.slots, old.backup_type, old.deep, old.target, old.target_database,
            old.provider, old.restore, old.weddings, old.requested_by, old.requested_name, old.created_at)
        or new.point_id <> old.point_id
            and not (old.state = 'running' and new.state in ('done', 'failed', 'cancelled')) then
        raise exception 'what operation % was asked for stays as it is', old.id using errcode = 'check_violation';
    end if;
    if (new.platform, new.organization) is distinct from (old.platform, old.organization) then
        raise exception 'operation % stays whose it is', old.id using errcode = 'insufficient_privilege';
    end if;
    if (new.approved_by, new.approved_name) is distinct from (old.approved_by, old.approved_name)
        or new.approved_at is distinct from old.approved_at then
        if old.state <> 'proposed'
            or new.state <> 'queued'
            or new.approved_by in ('', old.requested_by)
            or new.approved_name in ('', old.requested_name) then
            raise exception 'operation % is approved by somebody else, once, while it waits for it', old.id
                using errcode = 'check_violation';
        end if;
    elsif old.state = 'proposed' and new.state = 'queued' then
        raise exception 'operation % waits for somebody to approve it', old.id using errcode = 'check_violation';
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
    using ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()));

-- What may not run beside what.
-- A kind of operation says which slots of its platform an operation has;
-- from the transaction that lets the operation run until the one that ends it nobody else has them.
-- An operation whose worker died goes on elsewhere and keeps its slots.
create table slots (
    platform  text not null,
    name      text not null,
    operation uuid not null references backup_operations (id) on delete cascade,
    fence     bigint not null, -- of the lease under which the operation has it; 0: it waits for its first
    taken_at  timestamptz not null default clock_timestamp(),
    constraint slots_one_holder primary key (platform, name)
);
create index slots_by_operation on slots (operation);
alter table slots enable row level security, force row level security;
create policy slots_read on slots for select
    using (keepsake_is_system() or exists (select from backup_operations o where o.id = operation));
create policy slots_keep on slots using (keepsake_is_system()) with check (keepsake_is_system());

-- Gives an operation its slots and frees them.
-- It belongs to the owner because the console's role only reads slots:
-- nobody frees one past the state of its operation.
-- A slot that is taken is the violation of slots_one_holder, with the slot's name as the column.
-- Slots are taken in the order of their names, so that two operations never wait for each other.
-- +goose StatementBegin
create function keep_slots() returns trigger language plpgsql security definer as $$
declare
    was  text := coalesce(current_setting('keepsake.role', true), '');
    slot text;
begin
    perform set_config('keepsake.role', 'system', true);
    if new.state in ('done', 'failed', 'cancelled') then
        delete from slots s where s.operation = new.id;
    elsif new.state = 'queued' then -- it was made, or approved
        for slot in select distinct n from unnest(new.slots) n order by n loop
            insert into slots (platform, name, operation, fence)
            values (new.platform, slot, new.id, new.fence)
            on conflict do nothing;
            if not found then
                raise exception 'the slot % of platform % is taken', slot, new.platform
                    using errcode = 'unique_violation', table = 'slots', column = slot, constraint = 'slots_one_holder';
            end if;
        end loop;
    else
        update slots s set fence = new.fence where s.operation = new.id;
    end if;
    perform set_config('keepsake.role', was, true);
    return null;
end $$;
-- +goose StatementEnd
-- or the console's role could make a trigger of its own of it, on a temporary table
revoke all on function keep_slots() from public;
create trigger slots_of_new_operations after insert on backup_operations
    for each row when (new.slots <> '{}') execute function keep_slots();
create trigger slots_of_operations after update on backup_operations
    for each row when (new.slots <> '{}' and (new.state, new.fence) is distinct from (old.state, old.fence))
        execute function keep_slots();

-- Restores of a platform that began, or wait to, without anybody's approval:
-- what was brought back within a window counts together, whoever may see it.
-- What came back when is when its restore ended: one that waited or ran for a day is as fresh as any.
-- It reads as the system whoever asks; the console shows nobody its rows.
-- +goose StatementBegin
create function restores_alone(of_platform text, window_seconds double precision)
returns table (id uuid, kind text, state text, restore jsonb, requested_by text, requested_name text)
language plpgsql as $$
declare
    was text := coalesce(current_setting('keepsake.role', true), '');
begin
    perform set_config('keepsake.role', 'system', true);
    return query
        select o.id, o.kind, o.state, o.restore, o.requested_by, o.requested_name
        from backup_operations o
        where o.platform = of_platform
          and o.kind in ('restore', 'scoped')
          and o.approved_at is null
          and o.state <> 'proposed'
          and (o.state <> 'cancelled' or o.started_at is not null)
          and coalesce(o.finished_at, 'infinity') > clock_timestamp() - make_interval(secs => window_seconds);
    perform set_config('keepsake.role', was, true);
end $$;
-- +goose StatementEnd

-- +goose Down
drop function restores_alone(text, double precision);
drop table slots;
drop table backup_operations;
drop function keep_slots();
drop function backup_operations_guard();
