-- What scripts sign in with, the answers that they may ask for twice, and how often one actor may start what.
-- +goose Up

-- A token acts for the account that made it, with a part of its rights. Only the token's SHA-256 is here.
create table api_tokens (
    id           uuid primary key,
    token_hash   bytea not null,
    account_id   uuid not null references accounts (id) on delete cascade,
    name         text not null,
    permissions  text[] not null,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    last_used_at timestamptz,
    last_address text not null default '',
    revoked_at   timestamptz,
    constraint api_tokens_token_is_unique unique (token_hash),
    constraint api_tokens_token_is_sha256 check (length(token_hash) = 32),
    constraint api_tokens_name_is_one check (length(name) between 1 and 100),
    constraint api_tokens_permissions_are_known
        check (permissions <@ array ['read', 'backup', 'restore'] and cardinality(permissions) > 0),
    constraint api_tokens_times_in_order check (expires_at > created_at)
);
create index api_tokens_by_expiry on api_tokens (expires_at);
create index api_tokens_by_account on api_tokens (account_id, created_at desc);
alter table api_tokens enable row level security, force row level security;
-- Only the sign-in code, as the system, reaches them; it shows everybody their own.
create policy api_tokens_system on api_tokens using (keepsake_is_system()) with check (keepsake_is_system());

-- A POST that names an Idempotency-Key is carried out once; whoever sends it again gets the same answer.
-- status is null while the first one is at work.
create table idempotency_keys (
    actor_id     text not null,
    key          text not null,
    request      bytea not null, -- SHA-256 of method, path and body
    created_at   timestamptz not null default now(),
    status       integer,
    headers      jsonb not null default '{}',
    body         bytea not null default '',
    -- Set in the transaction that starts the operation: a process that dies before it has answered,
    -- or a commit of which nobody learns, leaves no doubt whether there is one.
    operation_id uuid,
    primary key (actor_id, key),
    constraint idempotency_keys_key_is_one check (length(key) between 1 and 200),
    constraint idempotency_keys_request_is_sha256 check (length(request) = 32)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);
alter table idempotency_keys enable row level security, force row level security;
create policy idempotency_keys_own on idempotency_keys
    using (keepsake_is_system()
        or (keepsake_is_someone() and actor_id = coalesce(current_setting('keepsake.actor', true), '')))
    with check (keepsake_is_system()
        or (keepsake_is_someone() and actor_id = coalesce(current_setting('keepsake.actor', true), '')));

-- How often one actor has started what of a platform, within the last hour: shared by every process,
-- exact under concurrency, because a use is counted by the statement that looks whether there is one left.
create table rate_limits (
    actor_id text not null,
    platform text not null,
    kind     text not null,
    -- the uses of the last hour, oldest first, by this database's clock; older ones may linger
    used_at  timestamptz[] not null,
    primary key (actor_id, platform, kind),
    constraint rate_limits_platform_has_a_name check (platform <> ''),
    constraint rate_limits_kind_is_known check (kind in ('full', 'incremental', 'critical', 'wedding', 'emergency')),
    constraint rate_limits_is_used check (cardinality(used_at) > 0)
);
alter table rate_limits enable row level security, force row level security;
-- Everybody counts for themselves, organization or not: nobody reads, uses up or resets what is another's.
create policy rate_limits_own on rate_limits
    using (keepsake_is_system()
        or (keepsake_is_someone() and actor_id = coalesce(current_setting('keepsake.actor', true), '')))
    with check (keepsake_is_system()
        or (keepsake_is_someone() and actor_id = coalesce(current_setting('keepsake.actor', true), '')));

-- +goose Down
drop table rate_limits, idempotency_keys, api_tokens;
