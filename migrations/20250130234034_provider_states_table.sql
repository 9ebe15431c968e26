-- What is known of each provider of a platform's repository, so that a page never has to ask one.
-- +goose Up

create table provider_states (
    platform          text not null,
    name              text not null,
    medium            text not null,
    region            text not null default '',
    offsite           boolean not null,
    checked_at        timestamptz,
    -- of the last real write that was read back, so that it is not done more often than needed
    written_at        timestamptz,
    reachable         boolean not null default false,
    error             text not null default '',
    last_point        text not null default '',
    last_confirmed_at timestamptz,
    points            bigint not null default 0, -- recovery points confirmed there
    primary key (platform, name),
    constraint provider_states_platform_has_a_name check (platform <> ''),
    constraint provider_states_reachable_was_checked check (not reachable or checked_at is not null),
    constraint provider_states_confirmed_point check ((last_point = '') = (last_confirmed_at is null))
);
alter table provider_states enable row level security, force row level security;
create policy provider_states_read on provider_states for select using (keepsake_is_someone());
create policy provider_states_write on provider_states using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table provider_states;
