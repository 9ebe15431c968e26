-- Restores that another super admin has to approve before anything starts them.
-- +goose Up

alter table backup_operations
    add column approved_by   text not null default '', -- id of the actor
    add column approved_name text not null default '',
    add column approved_at   timestamptz;
alter table backup_operations drop constraint backup_operations_state_is_known;
alter table backup_operations
    add constraint backup_operations_state_is_known check (state in ('proposed', 'queued', 'running', 'interrupted', 'done', 'failed', 'cancelled')),
    add constraint backup_operations_approval_is_whole check ((approved_at is null) = (approved_by = '')),
    add constraint backup_operations_nobody_approves_their_own check (approved_by = '' or approved_by <> requested_by),
    add constraint backup_operations_only_restores_are_proposed check (state <> 'proposed' or kind in ('restore', 'scoped') and approved_at is null);
drop index backup_operations_active;
create index backup_operations_active on backup_operations (id) where state in ('proposed', 'queued', 'running', 'interrupted');

-- +goose Down
drop index backup_operations_active;
create index backup_operations_active on backup_operations (id) where state in ('queued', 'running', 'interrupted');
update backup_operations set state = 'cancelled', cancel_requested_at = now(), cancel_requested_by = 'migration', finished_at = now() where state = 'proposed';
alter table backup_operations drop constraint backup_operations_state_is_known;
alter table backup_operations
    add constraint backup_operations_state_is_known check (state in ('queued', 'running', 'interrupted', 'done', 'failed', 'cancelled'));
alter table backup_operations drop column approved_by, drop column approved_name, drop column approved_at;
