-- A restore into another database is final there before it is recorded here. What it found, and the transaction that
-- finishes it, are kept first, so that whoever takes it over from a dead worker can ask and record the rest.
-- +goose Up
alter table backup_operations add column ending jsonb,
    add constraint backup_operations_ending_is_of_a_restore check (ending is null or kind = 'restore');

-- +goose Down
alter table backup_operations drop column ending;
