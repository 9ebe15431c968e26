-- name: AddDuty :exec
insert into duties (name) values (@name) on conflict do nothing;

-- name: ListDuties :many
select * from duties order by name;

-- name: GetDutyTime :one
-- The clock that all processes go by.
select clock_timestamp()::timestamptz as now;

-- name: TakeDuty :one
-- No row: somebody else has taken it, or is alive after all.
update duties set holder = @holder::text, fence = fence + 1, beats = beats + 1, last_started = @moment::timestamptz
where name = @name and fence = @fence and beats = @beats
returning fence;

-- name: BeatDuty :execrows
-- No row: somebody else has it.
update duties set beats = beats + 1 where name = @name and fence = @fence and holder <> '';

-- name: EndDuty :execrows
-- No row: somebody else has it.
update duties
set holder = '', beats = beats + 1, next_at = @next_at, last_ended = @moment::timestamptz, outcome = @outcome,
    message = @message
where name = @name and fence = @fence and holder <> '';

-- name: GetDuty :one
select * from duties where name = @name;

-- name: NoteDuty :exec
-- At once where it is new, and else at most once a minute: stale is a minute before ended.
update duties
set last_started = @began::timestamptz, last_ended = @ended::timestamptz, outcome = @outcome, message = @message
where name = @name
  and (outcome <> @outcome
      or message <> @message
      or last_ended is null
      or last_ended < @stale::timestamptz
      or last_ended > @ended::timestamptz);
