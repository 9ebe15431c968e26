-- Backups that no console started (the command line, another console) are operations of the list too. Their recovery points
-- are found by having none.
-- +goose Up
create index recovery_points_without_operation on recovery_points (id) where operation_id is null;
create index backup_operations_by_point on backup_operations (point_id) where kind = 'backup' and point_id <> '';

-- +goose Down
drop index recovery_points_without_operation, backup_operations_by_point;
