-- Repairs are operations, and a provider's state is a real write that was read back. When that was, is kept, so that it is not
-- done more often than needed.
-- +goose Up
alter table provider_states add column written_at timestamptz;
alter table backup_operations drop constraint backup_operations_kind_is_known;
alter table backup_operations add constraint backup_operations_kind_is_known check (kind in ('backup', 'verify', 'repair', 'restore', 'scoped'));
drop trigger backup_operations_on_record on backup_operations;
create constraint trigger backup_operations_on_record after insert on backup_operations deferrable initially deferred
    for each row execute function must_be_on_record('backup.', 'verify.', 'repair.', 'restore.', 'scope.', 'approval.');

-- +goose Down
drop trigger backup_operations_on_record on backup_operations;
create constraint trigger backup_operations_on_record after insert on backup_operations deferrable initially deferred
    for each row execute function must_be_on_record('backup.', 'verify.', 'restore.', 'scope.', 'approval.');
alter table backup_operations drop constraint backup_operations_kind_is_known;
delete from backup_operations where kind = 'repair';
alter table backup_operations add constraint backup_operations_kind_is_known check (kind in ('backup', 'verify', 'restore', 'scoped'));
alter table provider_states drop column written_at;
