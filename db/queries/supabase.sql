-- name: GetAccountBySubject :one
select * from accounts where subject = @subject::text and disabled_at is null;

-- name: SaveSupabaseAccount :one
-- As the token says. An account that was closed because it was refused there is open again.
insert into accounts (id, email, password_hash, role, platform, organization, kind, subject)
values (@id, @email, '', @role, sqlc.narg(platform), sqlc.narg(organization), 'supabase', @subject::text)
on conflict (subject) do update
set email = excluded.email, role = excluded.role, platform = excluded.platform, organization = excluded.organization,
    changed_at = now(), disabled_at = null
returning *;

-- name: ListReplaced :many
-- An e-mail is one person's at the auth server: whoever had it there before was removed, or took another.
select id
from accounts
where email = @email and kind = 'supabase' and subject <> @subject::text and disabled_at is null
for update;

-- name: CloseSupabaseAccount :exec
-- Its tokens end with it, until it is open again.
update accounts set disabled_at = now() where id = @id and kind = 'supabase' and disabled_at is null;

-- name: InsertSupabaseSession :exec
insert into supabase_sessions (session_id, tokens, expires_at) values (@session_id, @tokens, @expires_at);

-- name: LockSupabaseSession :one
-- Whoever comes second fails at once, and does not keep a connection while the first asks the auth server.
select x.*, s.account_id from supabase_sessions x join sessions s on s.id = x.session_id
where x.session_id = @session_id and s.ended_at is null
for update of x nowait;

-- name: SaveSupabaseTokens :exec
update supabase_sessions
set tokens = @tokens, expires_at = @expires_at, next_try_at = null
where session_id = @session_id;

-- name: PostponeSupabase :exec
update supabase_sessions set next_try_at = @next_try_at where session_id = @session_id;

-- name: EndSessionHere :exec
update sessions set ended_at = now(), end_reason = @reason::text where id = @id and ended_at is null;

-- name: TakeSupabaseSessions :many
-- What is left of sessions that have ended.
delete from supabase_sessions where session_id = any(@sessions::uuid[]) returning session_id, tokens;

-- name: DeleteOldSupabaseSessions :execrows
delete from supabase_sessions x using sessions s
where s.id = x.session_id and (s.ended_at is not null or s.expires_at < sqlc.arg(now)::timestamptz);

-- name: TakeCodeElsewhere :execrows
-- Takes a code of the auth server's, once:
-- of two that come at the same time the second waits for the first, and finds it.
-- One that was used so long ago is another one that happens to be the same.
insert into used_codes as u (code_hash, used_at) values (@code_hash, sqlc.arg(now)::timestamptz)
on conflict (code_hash) do update set used_at = excluded.used_at where u.used_at < sqlc.arg(before)::timestamptz;

-- name: DeleteUsedCodes :execrows
delete from used_codes where used_at < sqlc.arg(before)::timestamptz;
