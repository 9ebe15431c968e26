-- Retention: operations that take recovery points away, and what is known of points that are to go.
-- What was proved of a recovery point stays when the point is gone.
-- +goose Up
alter table backup_operations
    drop constraint backup_operations_kind_is_known,
    add constraint backup_operations_kind_is_known
        check (kind in ('backup', 'verify', 'repair', 'restore', 'scoped', 'retention')),
    -- retention: ids of recovery points of which a person said that they may go, although they are many
    add column confirmed jsonb not null default '[]',
    add constraint backup_operations_confirmed_is_of_retention check (kind = 'retention' or confirmed = '[]');

alter table backup_tests drop constraint backup_tests_point_id_fkey;

alter table recovery_points
    add column goes_after   timestamptz, -- it was marked, and goes then; the repository says so, too
    add column goes_because text not null default '',
    add constraint recovery_points_goes_for_a_reason check ((goes_after is null) = (goes_because = ''));

-- What was confirmed is in the trail by its number only, so nobody puts other points there afterwards.
-- +goose StatementBegin
create function confirmed_stays() returns trigger language plpgsql as $$
begin
    raise exception 'what was confirmed for operation % stays as it is', old.id using errcode = 'check_violation';
end $$;
-- +goose StatementEnd
create trigger backup_operations_confirmed_stays before update on backup_operations
    for each row when (old.confirmed is distinct from new.confirmed) execute function confirmed_stays();
-- A point that is marked goes without anybody's word.
create constraint trigger recovery_points_goes_on_record after update on recovery_points deferrable initially deferred
    for each row when ((old.goes_after, old.goes_because) is distinct from (new.goes_after, new.goes_because))
    execute function must_be_on_record();

alter function written_because(text, text) rename to written_because_before;
-- +goose StatementBegin
create function written_because(trigger_name text, did text)
returns table (row_is jsonb, action text, outcome text, entry_part text, row_part text, changed text[])
language sql immutable as $$
    select * from written_because_before($1, $2)
    union all
    select v.row_is::jsonb, v.action, v.outcome, v.entry_part, v.row_part, v.changed::text[] from (values
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "retention"}',
            'retention.start', 'allowed', 'target', 'id', null),
        ('recovery_points_stay_on_record', 'delete', '{}', 'retention.end', 'allowed', '', '', null),
        ('recovery_points_stay_on_record', 'delete', '{}', 'point.sync', 'allowed', '', '', null),
        ('recovery_points_goes_on_record', 'update', '{}',
            'retention.end', 'allowed', '', '', '{goes_after, goes_because}')
    ) v (trigger_name, did, row_is, action, outcome, entry_part, row_part, changed)
    where v.trigger_name = $1 and v.did = $2
$$;
do $$
begin
    execute format('alter function written_because(text, text) set search_path = %I, pg_temp', current_schema());
    execute format('alter function confirmed_stays() set search_path = %I, pg_temp', current_schema());
end $$;
-- +goose StatementEnd

-- +goose Down
drop trigger recovery_points_goes_on_record on recovery_points;
drop trigger backup_operations_confirmed_stays on backup_operations;
drop function confirmed_stays();
drop function written_because(text, text);
alter function written_because_before(text, text) rename to written_because;
delete from backup_tests t where not exists (select from recovery_points p where p.id = t.point_id);
delete from backup_operations where kind = 'retention';
-- A table is not altered while triggers wait for the end of the transaction. Those of the trail do wait for it.
set constraints backup_tests_on_record, backup_operations_stay_on_record immediate;
alter table recovery_points drop column goes_because, drop column goes_after;
alter table backup_tests
    add constraint backup_tests_point_id_fkey foreign key (point_id) references recovery_points (id) on delete cascade;
alter table backup_operations
    drop column confirmed,
    drop constraint backup_operations_kind_is_known,
    add constraint backup_operations_kind_is_known check (kind in ('backup', 'verify', 'repair', 'restore', 'scoped'));
