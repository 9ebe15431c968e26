-- Local accounts, their sessions, and what slows down guessing. Only the sign-in code, as the system, reaches them.
-- +goose Up

create table accounts (
    id            uuid primary key,
    email         text not null,
    password_hash text not null,
    role          text not null,
    organization  text,
    created_at    timestamptz not null default now(),
    changed_at    timestamptz not null default now(),
    disabled_at   timestamptz,
    constraint accounts_email_is_unique unique (email),
    constraint accounts_email_is_lower_case check (email = lower(email) and email like '%_@_%'),
    constraint accounts_role_is_known check (role in ('super_admin')),
    constraint accounts_password_is_argon2id check (password_hash like '$argon2id$%')
);
alter table accounts enable row level security, force row level security;
create policy accounts_system on accounts using (keepsake_is_system()) with check (keepsake_is_system());

-- The browser holds the token; only its SHA-256 is here. The id is what pages and the audit trail may show.
create table sessions (
    id           uuid primary key,
    token_hash   bytea not null,
    account_id   uuid not null references accounts (id) on delete cascade,
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at   timestamptz not null,
    ended_at     timestamptz,
    end_reason   text,
    user_agent   text not null,
    address      text not null,
    constraint sessions_token_is_unique unique (token_hash),
    constraint sessions_token_is_sha256 check (length(token_hash) = 32),
    constraint sessions_end_has_reason check ((ended_at is null) = (end_reason is null)),
    constraint sessions_end_is_known check (end_reason in ('signed_out', 'replaced', 'revoked')),
    constraint sessions_times_in_order check (expires_at > created_at)
);
create index sessions_by_account on sessions (account_id, created_at desc);
create index sessions_by_expiry on sessions (expires_at);
alter table sessions enable row level security, force row level security;
create policy sessions_system on sessions using (keepsake_is_system()) with check (keepsake_is_system());

-- Failed sign-ins by account and by address. Subjects are hashed: people type passwords into the wrong field.
create table sign_in_throttles (
    kind            text not null,
    subject         bytea not null,
    failures        integer not null,
    last_failure_at timestamptz not null,
    locked_until    timestamptz not null,
    primary key (kind, subject),
    constraint sign_in_throttles_kind_is_known check (kind in ('account', 'address')),
    constraint sign_in_throttles_failed check (failures > 0)
);
create index sign_in_throttles_by_age on sign_in_throttles (last_failure_at);
alter table sign_in_throttles enable row level security, force row level security;
create policy sign_in_throttles_system on sign_in_throttles using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table sign_in_throttles, sessions, accounts;
