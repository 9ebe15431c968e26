-- People who sign in through Supabase Auth: their account is there, and here is what it was when it was seen last.
-- +goose Up

alter table accounts add column kind text not null default 'local', add column subject text;
alter table accounts drop constraint accounts_password_is_argon2id;
alter table accounts
    add constraint accounts_kind_is_known check (kind in ('local', 'supabase')),
    add constraint accounts_password_iff_local check (case kind when 'local' then password_hash like '$argon2id$%' else password_hash = '' end),
    add constraint accounts_subject_iff_elsewhere check ((kind = 'local') = (subject is null)),
    add constraint accounts_subject_is_unique unique (subject);

alter table sessions drop constraint sessions_end_is_known;
alter table sessions add constraint sessions_end_is_known check (end_reason in ('signed_out', 'replaced', 'revoked', 'ended_elsewhere', 'refused_elsewhere', 'not_confirmed'));

-- What a session is kept alive with. The tokens are sealed by the repository's key, which is nowhere in this database.
create table supabase_sessions (
    session_id   uuid primary key references sessions (id) on delete cascade,
    tokens       bytea not null,
    expires_at   timestamptz not null, -- when the access token does
    next_try_at  timestamptz,          -- set while the auth server does not answer
    constraint supabase_sessions_tokens_are_sealed check (length(tokens) > 20)
);
alter table supabase_sessions enable row level security, force row level security;
create policy supabase_sessions_system on supabase_sessions using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table supabase_sessions;
update sessions set end_reason = 'revoked' where end_reason in ('refused_elsewhere', 'not_confirmed');
alter table sessions drop constraint sessions_end_is_known;
alter table sessions add constraint sessions_end_is_known check (end_reason in ('signed_out', 'replaced', 'revoked', 'ended_elsewhere'));
delete from accounts where kind <> 'local';
alter table accounts drop column kind, drop column subject;
alter table accounts add constraint accounts_password_is_argon2id check (password_hash like '$argon2id$%');
