-- What lists are filtered by, and what a request whose answer is not known has started.
--
-- Few rows have what lists are filtered by. PostgreSQL applies row-level security before it looks into JSON, so no index over the
-- JSON itself would be used: these hold the rows that have any, in the order of the lists.
-- +goose Up

create index recovery_points_marked on recovery_points (taken_at desc, id desc) where wedding_metadata <> '{}';
create index recovery_points_unprotected on recovery_points (taken_at desc, id desc) where not protected;
create index backup_operations_by_type on backup_operations (backup_type, id desc) where backup_type is not null;
create index backup_operations_about_some on backup_operations (id desc)
    where organization is not null or scope is not null or weddings <> '[]' or tiers <> '{}';

-- Set in the transaction that starts the operation: a process that dies before it has answered, or a commit of which nobody learns, leaves
-- no doubt whether there is one.
alter table idempotency_keys add column operation_id uuid;

-- +goose Down
alter table idempotency_keys drop column operation_id;
drop index backup_operations_about_some, backup_operations_by_type, recovery_points_unprotected, recovery_points_marked;
