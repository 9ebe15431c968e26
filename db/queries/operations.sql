-- name: InsertOperation :exec
insert into backup_operations (id, kind, platform, organization, backup_type, note, labels, weddings, point_id, deep,
    target, target_database, provider, restore, confirmed, slots, requested_by, requested_name, state)
values (@id, @kind, @platform, sqlc.narg(organization), sqlc.narg(backup_type), @note, @labels, @weddings, @point_id,
    @deep, @target, @target_database, @provider, sqlc.narg(restore),
    coalesce(sqlc.narg(confirmed)::jsonb, '[]'), @slots, @requested_by, @requested_name, @state);

-- name: InsertEndedBackup :exec
-- A backup that was neither started nor run by a worker: it is in the list as it ended.
insert into backup_operations (id, kind, platform, state, backup_type, note, labels, weddings, point_id, requested_by,
    requested_name, created_at, started_at, finished_at, attempt, cancel_requested_at, cancel_requested_by, result,
    rows_done, bytes_done, seconds, ok, protected, lacks, error_code, error_message, wedding_data_categories,
    critical_milestone_data, vendor_integration_data, wedding_dates_covered)
values (@id, 'backup', @platform, @state, @backup_type::text, @note, @labels, @weddings, @point_id, @requested_by,
    @requested_name, @started_at::timestamptz, @started_at::timestamptz, @finished_at::timestamptz, 1,
    sqlc.narg(cancel_requested_at), sqlc.narg(cancel_requested_by), sqlc.narg(result)::jsonb, @rows_done, @bytes_done,
    @seconds, sqlc.narg(ok), sqlc.narg(protected), @lacks, sqlc.narg(error_code), sqlc.narg(error_message),
    sqlc.narg(wedding_data_categories)::jsonb, sqlc.narg(critical_milestone_data)::jsonb,
    sqlc.narg(vendor_integration_data)::jsonb,
    sqlc.narg(wedding_dates_covered)::text::datemultirange);

-- name: ListBackupsOfPoints :many
select point_id, id from backup_operations
where platform = @platform and kind = 'backup' and point_id <> '' and point_id = any(@points::text[]);

-- name: GetOperation :one
select * from backup_operations where id = @id;

-- name: GetSlotHolder :one
-- No row: nobody has the slot, or whoever does is not the actor's to see.
select o.* from slots s join backup_operations o on o.id = s.operation where s.platform = @platform and s.name = @name;

-- name: ListOperations :many
-- Newest first. Lists leave out results, and progress of what has ended: they can be large.
select id, kind, state, platform, organization, backup_type, note, labels, weddings, point_id, deep, target,
    target_database, provider, restore, requested_by, requested_name, approved_by, approved_name, approved_at,
    created_at, started_at, finished_at, attempt, cancel_requested_at, cancel_requested_by,
    slots, worker, fence, heartbeat_at, last_event_id,
    (case when state in ('queued', 'running', 'interrupted') then progress end)::jsonb as progress,
    null::jsonb as result, rows_done, bytes_done, seconds, ok, protected, lacks, error_code, error_message,
    null::jsonb as wedding_data_categories, null::jsonb as critical_milestone_data,
    null::jsonb as vendor_integration_data, null::datemultirange as wedding_dates_covered, null::jsonb as ending,
    '[]'::jsonb as confirmed
from backup_operations
where (@kind::text = '' or kind = @kind)
  and (@state::text = '' or state = @state)
  and (not @active::boolean or state in ('proposed', 'queued', 'running', 'interrupted'))
  and (not @ended::boolean or state in ('done', 'failed', 'cancelled'))
  and (@platform::text = '' or platform = @platform)
  and (sqlc.narg(before)::uuid is null or id < sqlc.narg(before))
  -- Row-level security says so already; said here, an organization's few among many are found by their index.
  and (sqlc.narg(organization)::text is null or organization = sqlc.narg(organization))
order by id desc
limit @most;

-- name: FilterOperations :many
-- The same, of what is asked for.
-- Its transaction plans it for its values (PlanForValues).
-- A tier, a wedding and an organization are in few rows, which about_some says;
-- weddings are those that are the organization's.
-- An id begins with the moment that it was made at, by another clock than created_at:
-- first_id and last_id leave a day between them.
-- What backups cover most of them cover:
-- coalesce keeps the planner from taking that for rare, and from sorting all rows for a page.
select id, kind, state, platform, organization, backup_type, note, labels, weddings, point_id, deep, target,
    target_database, provider, restore, requested_by, requested_name, approved_by, approved_name, approved_at,
    created_at, started_at, finished_at, attempt, cancel_requested_at, cancel_requested_by,
    slots, worker, fence, heartbeat_at, last_event_id,
    (case when state in ('queued', 'running', 'interrupted') then progress end)::jsonb as progress,
    null::jsonb as result, rows_done, bytes_done, seconds, ok, protected, lacks, error_code, error_message,
    null::jsonb as wedding_data_categories, null::jsonb as critical_milestone_data,
    null::jsonb as vendor_integration_data, null::datemultirange as wedding_dates_covered, null::jsonb as ending,
    '[]'::jsonb as confirmed
from backup_operations
where (@kind::text = '' or kind = @kind)
  and (@state::text = '' or state = @state)
  and (not @active::boolean or state in ('proposed', 'queued', 'running', 'interrupted'))
  and (sqlc.narg(before)::uuid is null or id < sqlc.narg(before))
  and (@platform::text = '' or platform = @platform)
  and (sqlc.narg(bound_to)::text is null or organization = sqlc.narg(bound_to))
  and (@backup_type::text = '' or backup_type = @backup_type)
  and (not @about_some::boolean or organization is not null or restore is not null or weddings <> '[]')
  and (@tier::text = '' or jsonb_exists(restore -> 'scope' -> 'tiers', @tier))
  and (@wedding::text = ''
      or restore -> 'scope' ->> 'wedding' = @wedding
      or exists (select from jsonb_array_elements(weddings) m where m ->> 'wedding' = @wedding))
  and (@organization::text = ''
      or organization = @organization
      or restore -> 'scope' ->> 'organization' = @organization
      or restore -> 'scope' ->> 'wedding' = any(@theirs::text[])
       or exists (select from jsonb_array_elements(weddings) m where m ->> 'wedding' = any(@theirs::text[])))
  and (sqlc.narg(covers)::date is null or coalesce(wedding_dates_covered @> sqlc.narg(covers)::date, false))
  and (@covers_tier::text = ''
      or coalesce(wedding_data_categories @> jsonb_build_array(jsonb_build_object('tier', @covers_tier::text)), false))
  and (not @covers_vendors::boolean or coalesce((vendor_integration_data ->> 'reachable')::bigint > 0, false))
  and (@milestone::text = ''
      or critical_milestone_data <> '[]'
          and critical_milestone_data @> jsonb_build_array(jsonb_build_object('milestone', @milestone::text)))
  and (sqlc.narg(since)::timestamptz is null or created_at >= sqlc.narg(since) and id >= @first_id::uuid)
  and (sqlc.narg(until)::timestamptz is null or created_at < sqlc.narg(until) and id < @last_id::uuid)
order by id desc
limit @most;

-- name: ListMeasuredBackups :many
-- bytes_covered is the size of the tables as the platform told it then, which is what an estimate knows today.
select seconds, coalesce((progress ->> 'bytes_total')::bigint, 0)::bigint as bytes_covered from backup_operations
where platform = @platform and kind = 'backup' and state = 'done' and backup_type = @backup_type::text and seconds > 0
  and (progress ->> 'bytes_total')::bigint > 0
order by id desc
limit 5;

-- name: GetRestoreSpeed :one
-- Of the newest restore into a new database that covered everything and compared it all.
select (bytes_done / seconds)::double precision from backup_operations
where platform = @platform
  and kind = 'restore'
  and state = 'done'
  and ok
  and seconds > 0
  and bytes_done > 0
  and restore -> 'scope' @> '{"everything": true}'
  and not jsonb_exists(restore, 'target_url')
order by id desc
limit 1;

-- name: ClaimOperation :one
-- No row: it is not waiting any more. What was cancelled is claimed where it may have happened already.
update backup_operations
set state = 'running', worker = @worker::text, fence = fence + 1, attempt = attempt + 1, started_at = now(),
    heartbeat_at = clock_timestamp(), progress = null, last_event_id = last_event_id + 1
where id = @id
  and state in ('queued', 'interrupted')
  and (cancel_requested_at is null or kind = any(@settling::text[]))
returning *;

-- name: BeatOperation :one
-- No row: the lease is lost.
update backup_operations set heartbeat_at = clock_timestamp()
where id = @id and fence = @fence and state = 'running'
returning (cancel_requested_at is not null)::boolean as cancel_requested;

-- name: SaveProgress :one
-- No row: the lease is lost. The event ids last_event_id - events + 1 … last_event_id belong to the caller.
update backup_operations
set progress = coalesce(sqlc.narg(progress)::jsonb, progress), last_event_id = last_event_id + @events::bigint
where id = @id and fence = @fence and state = 'running'
returning last_event_id;

-- name: KeepEnding :one
-- No row: the lease is lost, and what is about to become final must not.
update backup_operations set ending = @ending::jsonb where id = @id and fence = @fence and state = 'running'
returning id;

-- name: NextEventID :one
update backup_operations set last_event_id = last_event_id + 1 where id = @id returning last_event_id;

-- name: FinishOperation :one
-- No row: the lease is lost and somebody else decides.
update backup_operations
set state = @state, finished_at = greatest(now(), coalesce(started_at, created_at)), worker = null, heartbeat_at = null,
    last_event_id = last_event_id + 1,
    point_id = case when @point_id::text = '' then point_id else @point_id end,
    result = sqlc.narg(result)::jsonb, rows_done = @rows_done, bytes_done = @bytes_done, seconds = @seconds,
    ok = sqlc.narg(ok), protected = sqlc.narg(protected), lacks = @lacks,
    error_code = sqlc.narg(error_code), error_message = sqlc.narg(error_message),
    wedding_data_categories = sqlc.narg(wedding_data_categories)::jsonb,
    critical_milestone_data = sqlc.narg(critical_milestone_data)::jsonb,
    vendor_integration_data = sqlc.narg(vendor_integration_data)::jsonb,
    wedding_dates_covered = sqlc.narg(wedding_dates_covered)::text::datemultirange, ending = null
where id = @id and fence = @fence and state = 'running'
returning *;

-- name: ReleaseOperation :one
-- The worker stops in good order; the next one starts the operation again at once.
-- One that was cancelled ends, unless it may have happened already: the next one finds out.
update backup_operations
set state = case
        when cancel_requested_at is null or kind = any(@settling::text[]) then 'interrupted' else 'cancelled' end,
    finished_at = case
        when cancel_requested_at is null or kind = any(@settling::text[]) then null::timestamptz
        else greatest(now(), coalesce(started_at, created_at)) end,
    worker = null, heartbeat_at = null, last_event_id = last_event_id + 1
where id = @id and fence = @fence and state = 'running'
returning *;

-- name: SilentFor :one
-- How long ago its worker gave a sign of life, by the database's clock; 0 where none works on it.
-- The lease is another after each sign of life.
select coalesce(extract(epoch from clock_timestamp() - heartbeat_at), 0)::double precision as seconds,
    (fence || ' ' || coalesce(heartbeat_at::text, ''))::text as lease
from backup_operations
where id = @id;

-- name: ListLeases :many
-- The lease is another after each sign of life. Its moment is compared with itself alone: clocks jump.
select id, (fence || ' ' || heartbeat_at::text)::text as lease from backup_operations where state = 'running';

-- name: ExpireLease :one
-- Takes an operation away from a worker that stopped answering. No row: it has answered, or somebody was faster.
-- One that was cancelled ends, unless it may have happened already: the next worker finds out.
update backup_operations o
set state = case
        when o.cancel_requested_at is not null and o.kind <> all(@settling::text[]) then 'cancelled'
        when o.attempt >= @most_attempts::int then 'failed'
        else 'interrupted' end,
    finished_at = case
        when o.cancel_requested_at is not null and o.kind <> all(@settling::text[])
            or o.attempt >= @most_attempts::int then greatest(now(), coalesce(o.started_at, o.created_at)) end,
    error_code = case
        when o.attempt < @most_attempts::int then null
        when o.kind = any(@settling::text[]) then @unknown_code::text
        when o.cancel_requested_at is null then @error_code::text end,
    error_message = case
        when o.attempt >= @most_attempts::int
            and (o.cancel_requested_at is null or o.kind = any(@settling::text[])) then @error_message::text end,
    ending = case when o.attempt < @most_attempts::int then o.ending end,
    worker = null, heartbeat_at = null, last_event_id = last_event_id + 1
where o.id = @id and o.state = 'running' and o.fence || ' ' || o.heartbeat_at::text = @lease::text
returning *;

-- name: RequestCancel :one
-- Ends what waits; flags what runs, for its worker to end, and what a worker left and may have happened already, for
-- the next one to find out. No row: it has ended already or is not there.
update backup_operations
set cancel_requested_at = coalesce(cancel_requested_at, now()),
    cancel_requested_by = coalesce(cancel_requested_by, @actor::text),
    state = case
        when state = 'running' or state = 'interrupted' and kind = any(@settling::text[]) then state
        else 'cancelled' end,
    finished_at = case
        when state = 'running' or state = 'interrupted' and kind = any(@settling::text[]) then null::timestamptz
        else greatest(now(), coalesce(started_at, created_at)) end,
    last_event_id = last_event_id + 1
where id = @id and state in ('proposed', 'queued', 'running', 'interrupted')
returning *;

-- name: ApproveOperation :one
-- No row: it is not proposed any more, has waited for too long,
-- or is the actor's own, under this account or another of the same e-mail.
update backup_operations
set state = 'queued', approved_by = @actor::text, approved_name = @name::text, approved_at = now(),
    last_event_id = last_event_id + 1
where id = @id
  and state = 'proposed'
  and requested_by <> @actor::text
  and requested_name <> @name::text
  and created_at > now() - make_interval(secs => @within_seconds::double precision)
returning *;

-- name: ExpireProposals :many
-- Ends what nobody has approved in time.
update backup_operations
set state = 'cancelled', cancel_requested_at = now(), cancel_requested_by = @by::text,
    finished_at = greatest(now(), created_at),
    last_event_id = last_event_id + 1
where state = 'proposed' and created_at <= now() - make_interval(secs => @within_seconds::double precision)
returning *;

-- name: IsRestoring :one
select exists (
    select from backup_operations
    where platform = @platform
      and kind in ('restore', 'scoped')
      and state in ('queued', 'running', 'interrupted'))::boolean;

-- name: InsertEvents :batchexec
insert into operation_events (operation_id, id, at, level, message) values (@operation_id, @id, @at, @level, @message);

-- name: ListEvents :many
select id, at, level, message from operation_events
where operation_id = @operation_id and id > @after and id <= @upto
order by id
limit @most;

-- name: ListLastEvents :many
select id, at, level, message from operation_events
where operation_id = @operation_id and id <= @upto
order by id desc
limit @most;

-- name: Notify :exec
select pg_notify(@channel::text, @payload::text);

-- name: LockRestores :exec
-- One restore at a time is judged by what came before it.
select pg_advisory_xact_lock(@key::bigint);

-- name: ListRestoresAlone :many
select id::uuid as id, kind::text as kind, state::text as state, restore::jsonb as restore,
    requested_by::text as requested_by, requested_name::text as requested_name
from restores_alone(@platform::text, @window_seconds::double precision);
