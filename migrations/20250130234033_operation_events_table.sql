-- The log of an operation.
-- Ids are taken from backup_operations.last_event_id, which progress reports raise too:
-- they grow within an operation, with gaps.
-- Operations' ids begin with the moment they were made at, so that months of ids are months.
-- +goose Up

create table operation_events (
    operation_id uuid not null references backup_operations (id) on delete cascade,
    id           bigint not null,
    at           timestamptz not null,
    level        text not null,
    message      text not null,
    primary key (operation_id, id),
    constraint operation_events_level_is_known check (level in ('info', 'warn', 'error'))
) partition by range (operation_id);
alter table operation_events enable row level security, force row level security;
create policy operation_events_actor on operation_events
    using ((select keepsake_is_system()) or exists (select from backup_operations o where o.id = operation_id))
    with check ((select keepsake_is_system()) or exists (select from backup_operations o where o.id = operation_id));

-- +goose Down
drop table operation_events;
