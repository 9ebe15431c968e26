-- Restores into the live platform are operations too.
-- +goose Up

-- What a restore into the live platform covers, what was confirmed, and the id to undo it by; what a restore into a new database is
-- limited to, and the sealed address of a server that no configuration names. See console.ScopedOperation.
alter table backup_operations add column scope jsonb;
alter table backup_operations drop constraint backup_operations_kind_is_known;
alter table backup_operations add constraint backup_operations_kind_is_known check (kind in ('backup', 'verify', 'restore', 'scoped'));
alter table backup_operations add constraint backup_operations_scope_belongs check (
    (kind <> 'scoped' or scope is not null) and (scope is null or kind in ('restore', 'scoped')));
-- Who looks for something more urgent than a backup, several times a second.
create index backup_operations_urgent on backup_operations (id) where kind in ('restore', 'scoped') and state in ('queued', 'running', 'interrupted');

-- +goose Down
drop index backup_operations_urgent;
alter table backup_operations drop constraint backup_operations_scope_belongs;
alter table backup_operations drop constraint backup_operations_kind_is_known;
alter table backup_operations add constraint backup_operations_kind_is_known check (kind in ('backup', 'verify', 'restore'));
alter table backup_operations drop column scope;
