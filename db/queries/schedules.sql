-- name: AddSchedule :exec
insert into schedules (platform) values (@platform) on conflict do nothing;

-- name: GetSchedule :one
select * from schedules where platform = @platform;

-- name: GetScheduleNext :one
select next_at from schedules where platform = @platform;

-- name: GetOperationAge :one
-- By one clock, which need not be that of whoever asks.
select extract(epoch from clock_timestamp() - created_at)::float8 as seconds from backup_operations where id = @id;

-- name: TakeTurn :execrows
-- No row: another process has begun one since.
update schedules set turn = turn + 1, operation = @operation::uuid, failures = @failures, newest = @newest
where platform = @platform and turn = @turn;

-- name: SetScheduleDays :exec
update schedules set days = @days, counted_at = @counted_at::timestamptz where platform = @platform;

-- name: SetScheduleNext :exec
update schedules set next_at = sqlc.narg(next_at) where platform = @platform;

-- name: GetNewestTaken :one
-- Of those that hold every tier. What was taken later, was taken before somebody set a clock back.
select id, taken_at from recovery_points
where platform = @platform and backup_type in ('full', 'incremental') and taken_at <= @upto::timestamptz
order by id desc
limit 1;

-- name: GetNewestFullTaken :one
select taken_at from recovery_points
where platform = @platform and backup_type = 'full' and taken_at <= @upto::timestamptz
order by id desc
limit 1;
