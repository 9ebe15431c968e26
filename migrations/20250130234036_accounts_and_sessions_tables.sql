-- Accounts, local and of people who sign in through Supabase Auth, as they were when they were seen last;
-- their sessions; what a local account is asked for after its password; and what slows down guessing.
-- Only the sign-in code, as the system, reaches them.
-- +goose Up

create table accounts (
    id            uuid primary key,
    email         text not null,
    kind          text not null default 'local',
    subject       text, -- of the account at Supabase Auth
    password_hash text not null,
    role          text not null,
    platform      text, -- whose the organization is
    organization  text,
    created_at    timestamptz not null default now(),
    changed_at    timestamptz not null default now(),
    disabled_at   timestamptz,
    constraint accounts_email_is_lower_case check (email = lower(email) and email like '%_@_%'),
    constraint accounts_role_is_known check (role in ('super_admin')),
    constraint accounts_organization_is_of_a_platform
        check ((platform is null) = (organization is null) and platform <> ''),
    constraint accounts_kind_is_known check (kind in ('local', 'supabase')),
    constraint accounts_password_iff_local
        check (case kind when 'local' then password_hash like '$argon2id$%' else password_hash = '' end),
    constraint accounts_subject_iff_elsewhere check ((kind = 'local') = (subject is null)),
    constraint accounts_subject_is_unique unique (subject)
);
-- An account that is closed does not stand in the way of another of the same address:
-- people leave, come back, and are made anew elsewhere.
create unique index accounts_email_is_unique on accounts (email) where disabled_at is null;
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
    last_address text not null default '', -- from where it was used last: another one is on record
    -- when its person gave a password last: restores ask for it again after a while
    proven_at    timestamptz not null default now(),
    constraint sessions_token_is_unique unique (token_hash),
    constraint sessions_token_is_sha256 check (length(token_hash) = 32),
    constraint sessions_end_has_reason check ((ended_at is null) = (end_reason is null)),
    constraint sessions_end_is_known
        check (end_reason in ('signed_out', 'replaced', 'revoked', 'ended_elsewhere', 'refused_elsewhere',
            'not_confirmed')),
    constraint sessions_times_in_order check (expires_at > created_at)
);
create index sessions_by_account on sessions (account_id, created_at desc);
create index sessions_by_expiry on sessions (expires_at);
alter table sessions enable row level security, force row level security;
create policy sessions_system on sessions using (keepsake_is_system()) with check (keepsake_is_system());

-- The secret is sealed by the repository's key, which is nowhere in this database.
-- Until the first code has confirmed it, nobody is asked for one.
-- last_step is the newest 30 seconds (since 1970) whose code was taken: it and those before are never taken again.
create table second_steps (
    account_id   uuid primary key references accounts (id) on delete cascade,
    secret       bytea not null,
    created_at   timestamptz not null,
    confirmed_at timestamptz,
    last_step    bigint not null default 0,
    constraint second_steps_secret_is_sealed check (length(secret) > 20)
);
alter table second_steps enable row level security, force row level security;
create policy second_steps_system on second_steps using (keepsake_is_system()) with check (keepsake_is_system());

-- SHA-256 is enough for what has 80 random bits: nobody tries them all.
create table recovery_codes (
    account_id uuid not null references accounts (id) on delete cascade,
    code_hash  bytea not null,
    created_at timestamptz not null,
    used_at    timestamptz,
    primary key (account_id, code_hash),
    constraint recovery_codes_code_is_sha256 check (length(code_hash) = 32)
);
alter table recovery_codes enable row level security, force row level security;
create policy recovery_codes_system on recovery_codes using (keepsake_is_system()) with check (keepsake_is_system());

-- What a session is kept alive with. The tokens are sealed by the repository's key, which is nowhere in this database.
create table supabase_sessions (
    session_id   uuid primary key references sessions (id) on delete cascade,
    tokens       bytea not null,
    expires_at   timestamptz not null, -- when the access token does
    next_try_at  timestamptz,          -- set while the auth server does not answer
    constraint supabase_sessions_tokens_are_sealed check (length(tokens) > 20)
);
alter table supabase_sessions enable row level security, force row level security;
create policy supabase_sessions_system on supabase_sessions
    using (keepsake_is_system())
    with check (keepsake_is_system());

-- Codes of authenticators at Supabase Auth that have opened a session:
-- it takes a code again as long as its time lasts, Keepsake does not.
create table used_codes (
    code_hash bytea primary key, -- of the authenticator's id and the code
    used_at   timestamptz not null,
    constraint used_codes_hash_is_sha256 check (length(code_hash) = 32)
);
create index used_codes_by_time on used_codes (used_at);
alter table used_codes enable row level security, force row level security;
create policy used_codes_system on used_codes using (keepsake_is_system()) with check (keepsake_is_system());

-- Failed sign-ins by account and by address, and what comes often and is on record once an hour:
-- a token or a session that is over, and requests of nobody.
-- Subjects are hashed: people type passwords into the wrong field.
create table sign_in_throttles (
    kind            text not null,
    subject         bytea not null,
    failures        integer not null,
    last_failure_at timestamptz not null,
    locked_until    timestamptz not null,
    primary key (kind, subject),
    constraint sign_in_throttles_kind_is_known check (kind in ('account', 'address', 'hourly')),
    constraint sign_in_throttles_failed check (failures > 0)
);
create index sign_in_throttles_by_age on sign_in_throttles (last_failure_at);
alter table sign_in_throttles enable row level security, force row level security;
create policy sign_in_throttles_system on sign_in_throttles
    using (keepsake_is_system())
    with check (keepsake_is_system());

-- +goose Down
drop table sign_in_throttles, used_codes, supabase_sessions, recovery_codes, second_steps, sessions, accounts;
