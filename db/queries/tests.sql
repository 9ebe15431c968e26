-- name: ListAllTests :many
-- Newest first, of all recovery points. The moment and the id of the last one seen lead on.
select * from backup_tests
where (tested_at, id) < (@before_at::timestamptz, @before_id::uuid) and tested_at >= @since::timestamptz
  and (@kind::text = '' or kind = @kind)
  and (sqlc.narg(ok)::boolean is null or ok = sqlc.narg(ok) and (ok or findings > 0))
order by tested_at desc, id desc
limit @most;

-- name: ListPointTests :many
-- The same of one recovery point.
select * from backup_tests
where point_id = @point_id
  and (tested_at, id) < (@before_at::timestamptz, @before_id::uuid)
  and tested_at >= @since::timestamptz
  and (@kind::text = '' or kind = @kind)
  and (sqlc.narg(ok)::boolean is null or ok = sqlc.narg(ok) and (ok or findings > 0))
order by tested_at desc, id desc
limit @most;

-- name: GetTest :one
select * from backup_tests where id = @id;

-- name: ListLastVerifications :many
-- Of the newest verifications what each found at the providers of the newest recovery point that it looked at,
-- and which of them it could not ask.
-- Nothing else is read of what a verification reports, which can be long.
select o.finished_at, o.deep, t.point_id,
    coalesce(o.result -> 'proofs' -> t.point_id -> 'integrity', '{}')::jsonb as integrity,
    array(
        select distinct f #>> '{}'
        from jsonb_path_query(o.result, '$.findings[*] ? (@.damage == false).provider') f)::text[] as silent
from (
    select v.id, v.finished_at, v.deep, v.result
    from backup_operations v
    where v.platform = @platform and v.kind = 'verify' and v.state = 'done'
    order by v.id desc
    limit 3
) o
cross join lateral (
    select b.point_id
    from backup_tests b
    where b.operation_id = o.id
    order by b.point_id desc
    limit 1) t
order by o.id desc;

-- name: ListLastRestoreTimes :many
-- Of those that brought a whole tier back.
select finished_at, tier_seconds from disaster_recovery_events
where platform = @platform and outcome = 'done' and tier_seconds <> '{}'
order by finished_at desc
limit 20;
