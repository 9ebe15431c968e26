-- Restores into the live platform are operations too, and recovery points keep what a verification proved of them.
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

-- What the newest verification found of a point: rows found and expected, by table where they differ, and the share of its objects
-- that each provider holds. Null: never verified.
alter table recovery_points add column data_completeness jsonb;
alter table recovery_points add column integrity_score double precision;
alter table recovery_points add constraint recovery_points_integrity_is_a_share check (integrity_score between 0 and 1);
alter table recovery_points add constraint recovery_points_proof_is_whole check ((data_completeness is null) = (integrity_score is null));

-- +goose Down
alter table recovery_points drop column data_completeness, drop column integrity_score;
drop index backup_operations_urgent;
alter table backup_operations drop constraint backup_operations_scope_belongs;
alter table backup_operations drop constraint backup_operations_kind_is_known;
alter table backup_operations add constraint backup_operations_kind_is_known check (kind in ('backup', 'verify', 'restore'));
alter table backup_operations drop column scope;
