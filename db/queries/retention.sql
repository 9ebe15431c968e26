-- name: ListHeldPoints :many
-- What retention judges of each recovery point. proven: its bytes were read back and were sound. drilled: all of it was
-- restored and compared. A later test that found something wrong takes both back. Evidence of an earlier point of the
-- same id is none: ids are never given twice.
select p.id, p.taken_at, p.backup_type, p.wedding_metadata, p.locked, p.note, p.doubts, p.trust, p.protected,
    p.bytes_new, p.goes_after, p.goes_because, (p.copies @> '[{"confirmed": true}]')::boolean as listed,
    exists (
        select from backup_tests t
        where t.point_id = p.id
          and t.ok
          and t.kind in ('deep_verify', 'restore')
          and not exists (
            select from backup_tests f
            where f.point_id = p.id and not f.ok and f.findings > 0 and f.tested_at > t.tested_at))::boolean as proven,
    exists (
        select from backup_tests t
        where t.point_id = p.id
          and t.ok
          and t.kind = 'restore'
          and not exists (
            select from backup_tests f
            where f.point_id = p.id and not f.ok and f.findings > 0 and f.tested_at > t.tested_at))::boolean as drilled
from recovery_points p
where p.platform = @platform
order by p.id desc;

-- name: ListPointsInUse :many
-- Of restores that wait or run.
select distinct point_id from backup_operations
where platform = @platform
  and kind in ('restore', 'scoped')
  and state in ('proposed', 'queued', 'running', 'interrupted')
  and point_id <> '';

-- name: GetLastEnded :one
-- The last operation of a kind that is done or has failed.
select * from backup_operations
where platform = @platform and kind = @kind and state in ('done', 'failed')
order by id desc
limit 1;

-- name: GetLastOfKind :one
select * from backup_operations where platform = @platform and kind = @kind order by id desc limit 1;

-- name: DeletePoints :many
-- It returns those that were there.
delete from recovery_points where platform = @platform and id = any(@ids::text[]) returning id;

-- name: SetPointsToGo :exec
-- All that is marked, and nothing else: an array of {id, due, why}. What two lists name goes with the first of them.
with marked as (
    select distinct on (e ->> 'id') e ->> 'id' as id, (e ->> 'due')::timestamptz as due,
        coalesce(nullif(e ->> 'why', ''), 'no rule keeps it') as why
    from jsonb_array_elements(@pending::jsonb) e
    order by e ->> 'id', (e ->> 'due')::timestamptz
)
update recovery_points p
set goes_after = (select m.due from marked m where m.id = p.id),
    goes_because = coalesce((select m.why from marked m where m.id = p.id), '')
where p.platform = @platform and (p.goes_after is not null or p.id in (select m.id from marked m));
