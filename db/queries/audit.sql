-- name: LockAuditHead :one
-- Waits for the writer before; the lock ends with the transaction.
-- An end that somebody broke is put right, with an entry that says so.
-- No id: nobody asks.
-- at is the moment by the database's clock, which it holds entries to: this machine's may be another.
select coalesce(last_id, -1)::bigint as last_id, coalesce(hash, '')::bytea as hash,
    coalesce(at, clock_timestamp())::timestamptz as at
from audit_open_end();

-- name: InsertAudit :exec
insert into audit_log (id, at, actor_id, actor_name, actor_role, organization, session, address, user_agent, action,
    target, outcome, detail, prev_hash, hash, token, request_id, wedding, point, duration_ms, security, platform)
values (@id, @at, @actor_id, @actor_name, @actor_role, @organization, @session, @address, @user_agent, @action, @target,
    @outcome, @detail, @prev_hash, @hash, @token, @request_id, @wedding, @point, @duration_ms, @security, @platform);

-- name: AdvanceAuditHead :exec
-- The end moves on to the newest entry, which is found by these words from now on.
-- Words that somebody left at this number, before it was given or when they took an entry away, must not end the trail.
with found_by as (
    insert into audit_words (word, id, platform, organization, at)
    select w, @last_id, @platform, @organization, @at
    from unnest(@words::text[]) w
    on conflict do nothing
)
update audit_head set last_id = @last_id, hash = @hash;

-- name: GetAuditHead :one
-- With the oldest and the newest row there are, whether or not the trail begins and ends with them.
select last_id, hash, trail, (select coalesce(min(id), 1) from audit_log)::bigint as oldest,
    (select coalesce(max(id), 0) from audit_log)::bigint as newest
from audit_head;

-- name: GetAuditEnds :one
-- The newest entry, and the newest that is a security event.
select last_id as newest,
    coalesce((select id from audit_log where security order by id desc limit 1), 0)::bigint as security
from audit_head;

-- name: IsBrokenSince :one
-- Whether the trail was found broken after so many rows.
select exists (select from audit_log where id > @rows and security and action = 'audit.broken');

-- name: ListAuditFrom :many
select * from audit_log where id > @after order by id limit @most;

-- name: ListSignInDevices :many
-- What an account's latest sign-ins said of their browsers.
select user_agent from audit_log
where actor_id = @actor_id and action = 'session.start' and outcome = 'allowed'
order by id desc
limit 200;

-- name: ListBegunTrails :many
-- The trails that somebody has put on record as ended when this one began.
select target from audit_log where action = 'audit.begin' and outcome = 'allowed' order by id;

-- name: ListAudit :many
-- Newest first. The planner is told to plan for the values given, so that a filter that is not used costs nothing.
select * from audit_log l
where (sqlc.narg(before)::bigint is null or l.id < sqlc.narg(before))
  and (@actor::text = '' or l.actor_name = @actor)
  and (@action::text = '' or l.action = @action)
  and (@outcome::text = '' or l.outcome = @outcome)
  and (not @only_security::boolean or l.security)
  and (@wedding::text = '' or l.wedding = @wedding)
  and (@point::text = '' or l.point = @point)
  and (sqlc.narg(since)::timestamptz is null or l.at >= sqlc.narg(since))
  and (sqlc.narg(until)::timestamptz is null or l.at < sqlc.narg(until))
order by l.id desc
limit @most;

-- name: SearchAudit :many
-- The same for rows that hold all of three words, or beginnings of words; who has fewer gives one again.
-- A word may be spelled in two ways, which are the same for most.
-- It is a statement of its own because PostgreSQL starts from the words only where they are no alternative to anything.
select * from audit_log l
where (sqlc.narg(before)::bigint is null or l.id < sqlc.narg(before))
  and (@actor::text = '' or l.actor_name = @actor)
  and (@action::text = '' or l.action = @action)
  and (@outcome::text = '' or l.outcome = @outcome)
  and (not @only_security::boolean or l.security)
  and (@wedding::text = '' or l.wedding = @wedding)
  and (@point::text = '' or l.point = @point)
  and (sqlc.narg(since)::timestamptz is null or l.at >= sqlc.narg(since))
  and (sqlc.narg(until)::timestamptz is null or l.at < sqlc.narg(until))
  and (l.id, l.at) in (
      select w.id, w.at
      from audit_words w
      where w.word >= @word1::text and w.word < @word1::text || chr(1114111)
         or w.word >= @other1::text and w.word < @other1::text || chr(1114111))
  and (l.id, l.at) in (
      select w.id, w.at
      from audit_words w
      where w.word >= @word2::text and w.word < @word2::text || chr(1114111)
         or w.word >= @other2::text and w.word < @other2::text || chr(1114111))
  and (l.id, l.at) in (
      select w.id, w.at
      from audit_words w
      where w.word >= @word3::text and w.word < @word3::text || chr(1114111)
         or w.word >= @other3::text and w.word < @other3::text || chr(1114111))
order by l.id desc
limit @most;

-- name: PlanForValues :exec
select set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: ListAlerts :many
-- What fell short is looked for in the detail's text, as Record writes it: no entry's detail can be one that PostgreSQL
-- fails to take apart.
select *
from audit_log
where id > @after
  and id <= @last
  and (security
      or outcome = 'failed'
      or detail::text like '%"fell_short":true%'
      or action in ('restore.start', 'scope.restore', 'scope.undo'))
order by id limit @most;

-- name: AddAlertPlace :exec
-- A new place hears of what happens from now on, and not of history.
insert into alert_places (place, last_id, leased_until, next_at)
select @place, h.last_id, '-infinity', '-infinity' from audit_head h
on conflict (place) do nothing;

-- name: LeaseAlertPlace :one
-- No row: another worker sends, or it is not time yet.
update alert_places set leased_until = clock_timestamp() + make_interval(secs => @lease_seconds::double precision)
where place = @place and leased_until < clock_timestamp() and next_at <= clock_timestamp()
returning last_id, failures;

-- name: SettleAlertPlace :exec
-- Gives the place back: up to where it has been told, and when the next message may follow.
update alert_places set last_id = @last_id, failures = @failures, leased_until = '-infinity',
    next_at = clock_timestamp() + make_interval(secs => @pause_seconds::double precision)
where place = @place;
