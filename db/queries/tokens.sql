-- name: InsertToken :exec
insert into api_tokens (id, token_hash, account_id, name, permissions, created_at, expires_at)
values (@id, @token_hash, @account_id, @name, @permissions, @now, @expires_at);

-- name: ListTokens :many
-- Newest first; those that ended long ago are swept.
select id, name, permissions, created_at, expires_at, last_used_at, last_address, revoked_at from api_tokens
where account_id = @account_id
order by created_at desc
limit 200;

-- name: GetToken :one
select t.id, t.account_id, t.permissions, t.last_used_at, t.last_address, a.email, a.role, a.platform, a.organization
from api_tokens t join accounts a on a.id = t.account_id
where t.token_hash = @token_hash
  and t.revoked_at is null
  and t.expires_at > @now::timestamptz
  and a.disabled_at is null;

-- name: GetRefusedToken :one
-- A token that GetToken does not return, and why.
select t.id, t.account_id, t.name, a.email, a.role, a.platform, a.organization,
    (case
        when a.disabled_at is not null then 'closed'
        when t.revoked_at is not null then 'revoked'
        else 'expired' end)::text as reason
from api_tokens t join accounts a on a.id = t.account_id
where t.token_hash = @token_hash;

-- name: TouchToken :exec
update api_tokens set last_used_at = @now::timestamptz, last_address = @address where id = @id;

-- name: RevokeToken :one
update api_tokens
set revoked_at = coalesce(revoked_at, @now::timestamptz)
where id = @id and account_id = @account_id
returning name;

-- name: RevokeTokensOfAccount :execrows
update api_tokens set revoked_at = now() where account_id = @account_id and revoked_at is null;

-- name: DeleteOldTokens :execrows
delete from api_tokens where expires_at < @before::timestamptz;

-- name: BeginIdempotent :execrows
-- No row: the key is taken. One whose process died while it was at work is free again after a minute.
insert into idempotency_keys (actor_id, key, request) values (@actor_id, @key, @request)
on conflict (actor_id, key) do update set created_at = now(), request = excluded.request
where idempotency_keys.status is null
  and idempotency_keys.operation_id is null
  and idempotency_keys.created_at < now() - interval '1 minute';

-- name: GetIdempotent :one
select request, status, headers, body, operation_id, (created_at < now() - interval '10 seconds')::boolean as is_old
from idempotency_keys
where actor_id = @actor_id and key = @key;

-- name: StartIdempotent :execrows
-- No row: another process has taken the key meanwhile and has started one, or it is a day old.
update idempotency_keys
set operation_id = @operation_id
where actor_id = @actor_id and key = @key and operation_id is null;

-- name: EndIdempotent :exec
update idempotency_keys
set status = @status::integer, headers = @headers, body = @body
where actor_id = @actor_id and key = @key;

-- name: ForgetIdempotent :exec
-- Whatever was answered, an operation that was started is not started again.
delete from idempotency_keys where actor_id = @actor_id and key = @key and operation_id is null;

-- name: DeleteOldIdempotent :execrows
delete from idempotency_keys where created_at < @before::timestamptz;
