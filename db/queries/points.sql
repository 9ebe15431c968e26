-- name: UpsertPoint :execrows
-- A point's facts never change, but they may become known later; its copies change. No row: it is another platform's.
insert into recovery_points (id, platform, taken_at, backup_type, note, labels, operation_id, source_database,
    source_server, tables, rows, bytes_read, bytes_stored, bytes_new, chunks, chunks_new, seconds, copies, protected,
    lacks, wedding_id, wedding_date, wedding_milestone, days_before_wedding, timeline_phase, wedding_metadata, locked,
    covers, doubts, trust)
values (@id, @platform, @taken_at, @backup_type, @note, @labels, sqlc.narg(operation_id), @source_database,
    @source_server, @tables, @rows, @bytes_read, @bytes_stored, @bytes_new, @chunks, @chunks_new, @seconds, @copies,
    @protected, @lacks, sqlc.narg(wedding_id), sqlc.narg(wedding_date), sqlc.narg(wedding_milestone),
    sqlc.narg(days_before_wedding), sqlc.narg(timeline_phase), @wedding_metadata, @locked, @covers,
    @doubts, @trust)
on conflict (id) do update
set copies = excluded.copies, protected = excluded.protected, lacks = excluded.lacks, seen_at = now(),
    operation_id = coalesce(recovery_points.operation_id, excluded.operation_id),
    backup_type = case
        when excluded.backup_type = 'unreadable' then recovery_points.backup_type
        else excluded.backup_type end,
    source_database = coalesce(nullif(excluded.source_database, ''), recovery_points.source_database),
    source_server = coalesce(nullif(excluded.source_server, ''), recovery_points.source_server),
    note = case when excluded.backup_type = 'unreadable' then recovery_points.note else excluded.note end,
    labels = case when excluded.backup_type = 'unreadable' then recovery_points.labels else excluded.labels end,
    locked = case when excluded.backup_type = 'unreadable' then recovery_points.locked else excluded.locked end,
    doubts = case when excluded.backup_type = 'unreadable' then recovery_points.doubts else excluded.doubts end,
    trust = case when excluded.backup_type = 'unreadable' then recovery_points.trust else excluded.trust end,
    wedding_id = coalesce(excluded.wedding_id, recovery_points.wedding_id),
    wedding_date = coalesce(excluded.wedding_date, recovery_points.wedding_date),
    wedding_milestone = coalesce(excluded.wedding_milestone, recovery_points.wedding_milestone),
    days_before_wedding = coalesce(excluded.days_before_wedding, recovery_points.days_before_wedding),
    timeline_phase = coalesce(excluded.timeline_phase, recovery_points.timeline_phase),
    wedding_metadata = case
        when excluded.wedding_metadata = '{}' then recovery_points.wedding_metadata
        else excluded.wedding_metadata end,
    covers = case when excluded.covers = '{}' then recovery_points.covers else excluded.covers end,
    tables = greatest(excluded.tables, recovery_points.tables), rows = greatest(excluded.rows, recovery_points.rows),
    bytes_read = greatest(excluded.bytes_read, recovery_points.bytes_read),
    bytes_stored = greatest(excluded.bytes_stored, recovery_points.bytes_stored),
    bytes_new = greatest(excluded.bytes_new, recovery_points.bytes_new),
    chunks = greatest(excluded.chunks, recovery_points.chunks),
    chunks_new = greatest(excluded.chunks_new, recovery_points.chunks_new),
    seconds = greatest(excluded.seconds, recovery_points.seconds)
where recovery_points.platform = excluded.platform;

-- name: SetPointCopies :exec
update recovery_points set copies = @copies, protected = @protected, lacks = @lacks, seen_at = now() where id = @id;

-- name: SetPointProof :exec
update recovery_points
set data_completeness = @data_completeness, integrity_score = @integrity_score::double precision
where id = @id;

-- name: SetPointMark :execrows
-- No row: what it was changed from is not what is there.
update recovery_points set note = @note, labels = @labels, locked = @locked, trust = @trust
where id = @id and note = @was_note and labels = @was_labels and locked = @was_locked and trust = @was_trust;

-- name: ListPointMarks :many
select id, note, labels, locked, trust from recovery_points where platform = @platform;

-- name: LockPoints :exec
-- Before ListPointCopies, and a statement of its own:
-- one that both waits for a lock and reads other tables sees those as they were before it waited (PostgreSQL, 13.2.1),
-- and would miss the test that the lock's holder wrote.
select 1 from recovery_points where id = any(@ids::text[]) order by id for update;

-- name: ListPointCopies :many
-- test_failed: the newest verification found something wrong, and only another may say otherwise:
-- a restore reads from whichever provider answers, and says nothing of the others.
-- read_failed: so did one that read every byte of what it looked at,
-- and no later one has read every byte of all copies and found nothing.
select p.id, p.platform, p.backup_type, p.copies, p.source_server, p.lacks, p.note, p.labels, p.locked, p.trust,
    coalesce((
        select not t.ok
        from backup_tests t
        where t.point_id = p.id and t.kind in ('verify', 'deep_verify') and (t.ok or t.findings > 0)
        order by t.tested_at desc
        limit 1), false)::boolean as test_failed,
    exists (
        select from backup_tests t
        where t.point_id = p.id
          and not t.ok
          and t.findings > 0
          and t.kind <> 'verify'
          and not exists (
            select from backup_tests d
            where d.point_id = p.id
              and d.ok
              and d.kind = 'deep_verify'
              and d.tested_at > t.tested_at))::boolean as read_failed
from recovery_points p where p.id = any(@ids::text[]) order by p.id;

-- name: NeedsDeepRepair :one
-- Whether damage may be there that only reading shows, so that names and sizes do not find it again: a copy of a point
-- that a test found bad, or what the last look that read everything has left, notes and undo objects included.
select (exists (select from backup_tests t join recovery_points p on p.id = t.point_id
    where p.platform = @platform
      and not t.ok
      and t.findings > 0
      and t.kind <> 'verify'
      and p.copies @> '[{"confirmed": false}]'
      and not exists (
        select from backup_tests d
        where d.point_id = t.point_id and d.ok and d.kind = 'deep_verify' and d.tested_at > t.tested_at))
  or coalesce((select not o.ok from backup_operations o
    where o.platform = @platform and o.kind in ('verify', 'repair') and o.deep and o.ok is not null
    order by o.created_at desc limit 1), false))::boolean;

-- name: GetPoint :one
-- Of a platform; '' is any.
select * from recovery_points where id = @id and (@platform::text = '' or platform = @platform);

-- name: GetNewestPoint :one
select * from recovery_points where platform = @platform order by id desc limit 1;

-- name: GetNewestWholePoint :one
-- Of those that hold every tier and are not suspect.
select *
from recovery_points
where platform = @platform and backup_type in ('full', 'incremental') and not suspect
order by id desc
limit 1;

-- name: GetNewestSuspectPoint :one
-- Of those that hold every tier and are suspect.
select *
from recovery_points
where platform = @platform and backup_type in ('full', 'incremental') and suspect
order by id desc
limit 1;

-- name: ListSuspectPoints :many
-- Those that are newer than one, which latest means, and of which nobody has said whether they are right.
select * from recovery_points where platform = @platform and suspect and id > @after and trust = ''
order by id desc
limit @most;

-- name: ListPassedPoints :many
-- Those that are newer than the one that latest means and that it passes by.
select * from recovery_points
where platform = @platform and suspect and id > @after and backup_type in ('full', 'incremental')
order by id desc
limit @most;

-- name: ListPoints :many
select p.* from recovery_points p
where p.platform = @platform and (@backup_type::text = '' or backup_type = @backup_type)
  and (@before::text = ''
      or id < (select b.id from recovery_points b where b.id = @before and b.platform = @platform))
order by id desc
limit @most;

-- name: FilterPoints :many
-- The same, of what is asked for.
-- Its transaction plans it for its values (PlanForValues).
-- Few rows have marks of weddings, which marked asks for; one mark must be all of it.
-- A phase is a range of days before the wedding, wider by a day than it is: where a day ends, SQL cannot say.
select p.* from recovery_points p
where p.platform = @platform and (@backup_type::text = '' or backup_type = @backup_type)
  and (@before::text = ''
      or id < (select b.id from recovery_points b where b.id = @before and b.platform = @platform))
  and (@types::text[] = '{}' or backup_type = any(@types::text[]))
  and (not @protected::boolean or protected) and (not @unprotected::boolean or not protected)
  and (not @marked::boolean or wedding_metadata <> '{}' and exists (
      select from jsonb_array_elements(wedding_metadata -> 'weddings') m
      where (@wedding::text = '' or m ->> 'wedding' = @wedding)
        and (@milestone::text = '' or m ->> 'milestone' = @milestone)
        and (sqlc.narg(theirs)::text[] is null or m ->> 'wedding' = any(sqlc.narg(theirs)::text[]))
        and (@phase::text = ''
            or m ->> 'phase' = @phase
            or m ->> 'date'
                between to_char(taken_at at time zone 'UTC' + make_interval(days => @least_days::int), 'YYYY-MM-DD')
                and to_char(taken_at at time zone 'UTC' + make_interval(days => @most_days::int), 'YYYY-MM-DD'))))
  and (sqlc.narg(since)::timestamptz is null or taken_at >= sqlc.narg(since))
  and (sqlc.narg(until)::timestamptz is null or taken_at < sqlc.narg(until))
order by id desc
limit @most;

-- name: InsertTest :exec
-- A point that this console does not know yet gets no test row: the repository's list comes first.
insert into backup_tests (id, platform, point_id, operation_id, kind, tested_at, ok, findings, seconds, asked, away)
select @id, p.platform, p.id, @operation_id, @kind, now(), @ok, @findings, @seconds, @asked, @away
from recovery_points p where p.id = @point_id;

-- name: ListTests :many
select * from backup_tests where point_id = @point_id order by tested_at desc limit 10;

-- name: ListLastTests :many
select distinct on (point_id) * from backup_tests
where point_id = any(@point_ids::text[]) and (ok or findings > 0)
order by point_id, tested_at desc;

-- name: InsertRecoveryEvent :exec
insert into disaster_recovery_events (id, platform, operation_id, organization, point_id, target, target_database,
    started_at, finished_at, outcome, rto_seconds, tier_seconds)
values (@id, @platform, @operation_id, sqlc.narg(organization), @point_id, @target, @target_database, @started_at,
    @finished_at, @outcome, sqlc.narg(rto_seconds), @tier_seconds);

-- name: GetNewestProtectedPoint :one
-- Of those that hold every tier and are not suspect.
select *
from recovery_points
where platform = @platform and protected and not suspect and backup_type in ('full', 'incremental')
order by id desc
limit 1;

-- name: GetNewestCriticalPoint :one
-- Of those that hold the critical tier and are not suspect.
select *
from recovery_points
where platform = @platform and not suspect and backup_type in ('full', 'incremental', 'critical')
order by id desc
limit 1;

-- name: ListPointsWithoutOperation :many
-- Points that no operation of this console is known to have made.
-- Whoever else looks meanwhile passes by the locked ones.
select p.* from recovery_points p
where p.platform = @platform and p.operation_id is null and p.backup_type in ('full', 'incremental', 'critical')
order by p.id desc
limit @most
for update of p skip locked;

-- name: SetPointOperations :exec
update recovery_points p set operation_id = m.operation
from (select unnest(@points::text[]) as point, unnest(@operations::uuid[]) as operation) m
where p.id = m.point;
