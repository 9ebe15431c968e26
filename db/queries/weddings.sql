-- name: ListMilestones :many
select * from wedding_milestones where platform = @platform and wedding_id = @wedding_id order by day, name;

-- name: ListMilestonesBetween :many
select *
from wedding_milestones
where platform = @platform and day > @after::date and day <= @upto::date
order by day, wedding_id, name;

-- name: SetMilestone :exec
insert into wedding_milestones (platform, wedding_id, name, day, organization, set_by)
values (@platform, @wedding_id, @name, @day, sqlc.narg(organization), @set_by)
on conflict (platform, wedding_id, name) do update set day = excluded.day,
    organization = coalesce(excluded.organization, wedding_milestones.organization), set_by = excluded.set_by,
    set_at = now();

-- name: DeleteMilestone :execrows
delete from wedding_milestones where platform = @platform and wedding_id = @wedding_id and name = @name;

-- name: ListMarkedBackups :many
-- The newest backups for weddings. failed_lately: it was started automatically and ended without a recovery point.
select created_at, state, weddings,
    (requested_by = 'system'
        and state in ('failed', 'cancelled')
        and finished_at > now() - make_interval(secs => @retry_seconds::double precision))::boolean as failed_lately
from backup_operations
where kind = 'backup' and platform = @platform and weddings <> '[]'
order by id desc
limit @most;

-- name: ListWeddingPoints :many
-- Those that hold the wedding: all that hold every tier, and its own.
select * from recovery_points
where platform = @platform and (backup_type in ('full', 'incremental') or wedding_id = @wedding_id)
order by id desc
limit @most;

-- name: GetNewestDrill :one
-- The newest restore of everything that compared every row.
select * from backup_tests where platform = @platform and kind = 'restore' and ok order by tested_at desc limit 1;
