-- What a local account is asked for after its password: codes of an authenticator, and recovery codes for the day it is lost.
-- +goose Up

-- The secret is sealed by the repository's key, which is nowhere in this database. Until the first code has confirmed it, nobody is asked
-- for one. last_step is the newest 30 seconds (since 1970) whose code was taken: it and those before are never taken again.
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

-- +goose Down
drop table recovery_codes, second_steps;
