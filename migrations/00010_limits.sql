-- How often one actor has started what, within the last hour: shared by every process, exact under concurrency, because a use is
-- counted by the statement that looks whether there is one left.
-- +goose Up

create table rate_limits (
    actor_id text not null,
    kind     text not null,
    used_at  timestamptz[] not null, -- the uses of the last hour, oldest first, by this database's clock; older ones may linger
    primary key (actor_id, kind),
    constraint rate_limits_kind_is_known check (kind in ('full', 'incremental', 'critical', 'wedding', 'emergency')),
    constraint rate_limits_is_used check (cardinality(used_at) > 0)
);
alter table rate_limits enable row level security, force row level security;
-- Everybody counts for themselves, organization or not: nobody reads, uses up or resets what is another's.
create policy rate_limits_own on rate_limits
    using (keepsake_is_system() or (keepsake_is_someone() and actor_id = coalesce(current_setting('keepsake.actor', true), '')))
    with check (keepsake_is_system() or (keepsake_is_someone() and actor_id = coalesce(current_setting('keepsake.actor', true), '')));

-- +goose Down
drop table rate_limits;
