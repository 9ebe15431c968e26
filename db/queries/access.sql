-- name: InsertAccount :exec
insert into accounts (id, email, password_hash, role, platform, organization)
values (@id, @email, @password_hash, @role, sqlc.narg(platform), sqlc.narg(organization));

-- name: GetAccountByEmail :one
select * from accounts where email = @email and disabled_at is null;

-- name: CloseAccount :exec
update accounts set disabled_at = now() where id = @id;

-- name: CountAccounts :one
select count(*) from accounts where disabled_at is null;

-- name: SetPassword :one
update accounts
set password_hash = @password_hash, changed_at = now()
where email = @email and kind = 'local' and disabled_at is null
returning id;

-- name: HoldAccount :one
-- What was proven is still the password, and stays it until the transaction ends.
select password_hash from accounts where id = @id and disabled_at is null for share;

-- name: InsertSession :exec
insert into sessions (id, token_hash, account_id, created_at, last_seen_at, proven_at, expires_at,
    user_agent, address, last_address)
values (@id, @token_hash, @account_id, sqlc.arg(now), sqlc.arg(now), sqlc.arg(now), @expires_at,
    @user_agent, @address, @address);

-- name: GetSession :one
select s.id, s.account_id, s.created_at, s.last_seen_at, s.proven_at, s.expires_at, s.user_agent, s.address,
    s.last_address, a.email, a.role, a.platform, a.organization,
    x.expires_at as tokens_expire_at
from sessions s join accounts a on a.id = s.account_id left join supabase_sessions x on x.session_id = s.id
where s.token_hash = @token_hash and s.ended_at is null and a.disabled_at is null;

-- name: GetRefusedSession :one
-- A session that has ended, or whose account is closed; of any other the time is over.
select s.id, s.account_id, s.user_agent, a.email, a.role, a.platform, a.organization,
    (case when a.disabled_at is not null then 'closed' else coalesce(s.end_reason, 'expired') end)::text as reason
from sessions s join accounts a on a.id = s.account_id
where s.token_hash = @token_hash;

-- name: ProveSession :exec
update sessions set proven_at = sqlc.arg(now) where id = @id and ended_at is null;

-- name: ListSessions :many
-- Those that have not ended, newest first.
select id, created_at, last_seen_at, expires_at, user_agent, address from sessions
where account_id = @account_id and ended_at is null and expires_at > sqlc.arg(now)::timestamptz
order by created_at desc
limit 200;

-- name: EndSessionByID :one
update sessions
set ended_at = now(), end_reason = 'ended_elsewhere'
where id = @id and account_id = @account_id and ended_at is null
returning id;

-- name: EndOtherSessions :many
update sessions
set ended_at = now(), end_reason = 'ended_elsewhere'
where account_id = @account_id and id <> @id and ended_at is null
returning id;

-- name: TouchSession :exec
update sessions set last_seen_at = greatest(last_seen_at, sqlc.arg(now)), last_address = @address where id = @id;

-- name: EndSession :one
update sessions set ended_at = now(), end_reason = @reason::text where token_hash = @token_hash and ended_at is null
returning id, account_id;

-- name: EndSessionsOfAccount :execrows
update sessions set ended_at = now(), end_reason = 'revoked' where account_id = @account_id and ended_at is null;

-- name: DeleteOldSessions :execrows
delete from sessions where expires_at < @before;

-- name: ReserveSignIn :one
-- Counts an attempt as failed before it is judged, so that many at once cannot all slip through.
-- A lock that still holds is left as it is and the attempt is refused; failures older than a day are forgotten.
insert into sign_in_throttles as t (kind, subject, failures, last_failure_at, locked_until)
values (@kind, @subject, 1, sqlc.arg(now), sqlc.arg(now))
on conflict (kind, subject) do update
set failures = case
        when t.locked_until > sqlc.arg(now) then t.failures
        when t.last_failure_at < sqlc.arg(now) - interval '1 day' then 1
        else t.failures + 1 end,
    last_failure_at = case when t.locked_until > sqlc.arg(now) then t.last_failure_at else sqlc.arg(now) end
returning failures, locked_until;

-- name: CountWithinHour :one
-- How often within the hour that began with the first.
-- An hour that ends later than one does was not begun here, and hides nothing.
insert into sign_in_throttles as t (kind, subject, failures, last_failure_at, locked_until)
values ('hourly', @subject, 1, sqlc.arg(now), sqlc.arg(now)::timestamptz + interval '1 hour')
on conflict (kind, subject) do update
set failures = case
        when t.locked_until <= sqlc.arg(now) or t.locked_until > excluded.locked_until then 1
        else t.failures + 1 end,
    last_failure_at = sqlc.arg(now),
    locked_until = case
        when t.locked_until <= sqlc.arg(now) or t.locked_until > excluded.locked_until then excluded.locked_until
        else t.locked_until end
returning failures;

-- name: LockSignIn :exec
update sign_in_throttles set locked_until = @locked_until where kind = @kind and subject = @subject;

-- name: ForgetSignIn :exec
delete from sign_in_throttles where kind = @kind and subject = @subject;

-- name: ReturnSignIn :exec
-- Takes one counted attempt back, and the lock that it set itself:
-- not one of attempts that were counted since, which whoever has one account could lift otherwise by signing in to it.
-- At least one failure is the table's rule.
update sign_in_throttles set failures = greatest(failures - 1, 1),
    locked_until = case
        when failures = @counted and last_failure_at = sqlc.arg(counted_at) then least(locked_until, sqlc.arg(now))
        else locked_until end
where kind = @kind and subject = @subject;

-- name: TakeBackSignIn :exec
-- Takes back the very attempt that was counted as this many at this moment, with its lock;
-- where anything was counted since, nothing.
update sign_in_throttles set failures = greatest(failures - 1, 1), locked_until = least(locked_until, sqlc.arg(now))
where kind = @kind and subject = @subject and failures = @failures and last_failure_at = sqlc.arg(now);

-- name: DeleteOldThrottles :execrows
delete from sign_in_throttles where last_failure_at < @before and locked_until < @before;

-- name: InsertSetting :exec
insert into settings (name, value) values (@name, @value) on conflict do nothing;

-- name: GetSetting :one
select value from settings where platform = @platform and name = @name;

-- name: LockSetting :one
select value from settings where platform = '' and name = @name for update;

-- name: ListAccounts :many
-- Those that a verifier is kept of: the others are not here.
select * from accounts where kind = 'local' and disabled_at is null order by email;

-- name: AddPlatformSetting :exec
-- Whoever comes first.
insert into settings (platform, name, value) values (@platform, @name, @value) on conflict do nothing;

-- name: SetSetting :exec
insert into settings (platform, name, value)
values (@platform, @name, @value)
on conflict (platform, name) do update set value = excluded.value;
