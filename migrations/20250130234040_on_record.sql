-- What decides who gets in, and what is run, changes on record only.
-- A transaction that changes it and says nothing in the audit trail is put on record by the database when it commits.
-- The end of the trail says which entries the transaction has made.
-- +goose Up

-- Which entry, made in the same transaction, says why a row was written, for each trigger and kind of write.
-- Rows that hold what row_is says need an entry of exactly this action and outcome ('' is any).
-- Its entry_part is the row's row_part ('' is any), and no more than these columns changed (null is any).
-- +goose StatementBegin
create function written_because(trigger_name text, did text)
returns table (row_is jsonb, action text, outcome text, entry_part text, row_part text, changed text[])
language sql immutable as $$
    select v.row_is::jsonb, v.action, v.outcome, v.entry_part, v.row_part, v.changed::text[] from (values
        ('accounts_on_record', 'insert', '{}', 'account.create', 'allowed', 'target', 'email', null),
        ('accounts_on_record', 'insert', '{}', 'account.elsewhere', 'allowed', 'target', 'email', null),
        ('accounts_change_on_record', 'update', '{}',
            'account.password', 'allowed', 'target', 'email', '{password_hash, changed_at}'),
        ('accounts_change_on_record', 'update', '{}', 'account.close', 'allowed', 'target', 'email', '{disabled_at}'),
        ('accounts_change_on_record', 'update', '{}',
            'account.elsewhere', 'allowed', 'target', 'email',
            '{email, role, platform, organization, changed_at, disabled_at}'),
        ('sessions_on_record', 'insert', '{}', 'session.start', 'allowed', 'session', 'id', null),
        ('sessions_change_on_record', 'update', '{}', 'session.prove', 'allowed', 'session', 'id', '{proven_at}'),
        ('api_tokens_on_record', 'insert', '{}', 'token.create', 'allowed', 'target', 'id', null),
        ('api_tokens_change_on_record', 'update', '{}', 'token.revoke', 'allowed', 'target', 'id', '{revoked_at}'),
        ('api_tokens_change_on_record', 'update', '{}', 'account.close', 'allowed', '', '', '{revoked_at}'),
        ('second_steps_on_record', 'insert', '{}', 'second_step.begin', 'allowed', 'actor_id', 'account_id', null),
        ('second_steps_on_record', 'delete', '{}', 'second_step.off', 'allowed', '', '', null),
        ('second_steps_change_on_record', 'update', '{}',
            'second_step.begin', 'allowed', 'actor_id', 'account_id', '{secret, created_at}'),
        ('second_steps_change_on_record', 'update', '{}',
            'second_step.on', 'allowed', 'actor_id', 'account_id', '{confirmed_at, last_step}'),
        ('recovery_codes_on_record', 'insert', '{}', 'second_step.on', 'allowed', 'actor_id', 'account_id', null),
        ('recovery_codes_on_record', 'insert', '{}', 'second_step.codes', 'allowed', 'actor_id', 'account_id', null),
        ('recovery_codes_on_record', 'delete', '{}', 'second_step.on', 'allowed', 'actor_id', 'account_id', null),
        ('recovery_codes_on_record', 'delete', '{}', 'second_step.codes', 'allowed', 'actor_id', 'account_id', null),
        ('recovery_codes_on_record', 'delete', '{}', 'second_step.off', 'allowed', '', '', null),
        ('recovery_codes_change_on_record', 'update', '{}',
            'second_step.recovery_code', 'allowed', 'actor_id', 'account_id', '{used_at}'),
        ('recovery_codes_change_on_record', 'update', '{}',
            'second_step.off', 'allowed', 'actor_id', 'account_id', '{used_at}'),

        -- What runs at once was started, by its id; what waits was asked for; what has ended already was found.
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "backup"}',
            'backup.start', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "verify"}',
            'verify.start', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "repair"}',
            'repair.start', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "restore"}',
            'restore.start', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "scoped"}',
            'scope.restore', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "scoped"}',
            'scope.undo', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "proposed"}',
            'approval.ask', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "done", "kind": "backup"}',
            'backup.found', 'allowed', '', '', null),
        ('backup_operations_on_record', 'insert', '{"state": "failed", "kind": "backup"}',
            'backup.found', 'allowed', '', '', null),
        ('backup_operations_on_record', 'insert', '{"state": "cancelled", "kind": "backup"}',
            'backup.found', 'allowed', '', '', null),
        ('backup_operations_on_record', 'insert', '{"state": "done", "kind": "backup"}',
            'backup.end', 'allowed', 'target', 'point_id', null),
        ('backup_operations_on_record', 'insert', '{"state": "failed", "kind": "backup"}',
            'backup.end', '', '', '', null),
        ('backup_operations_on_record', 'insert', '{"state": "cancelled", "kind": "backup"}',
            'backup.end', '', '', '', null),
        ('backup_operations_change_on_record', 'update', '{"state": "queued"}',
            'approval.give', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "queued"}',
            'approval.give', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "done"}',
            '{kind}.end', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "failed"}',
            '{kind}.end', 'failed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "cancelled"}',
            '{kind}.end', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "cancelled"}',
            'operation.cancel', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "cancelled"}',
            'approval.expire', 'allowed', 'target', 'id', null),

        ('backup_tests_on_record', 'insert', '{"kind": "verify"}',
            'verify.end', 'allowed', 'target', 'operation_id', null),
        ('backup_tests_on_record', 'insert', '{"kind": "deep_verify"}',
            'verify.end', 'allowed', 'target', 'operation_id', null),
        ('backup_tests_on_record', 'insert', '{"kind": "restore"}',
            'restore.end', 'allowed', 'target', 'operation_id', null),
        ('backup_tests_on_record', 'insert', '{"kind": "partial_restore"}',
            'restore.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "done"}',
            'restore.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "done"}',
            'scoped.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "failed"}',
            'restore.end', 'failed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "failed"}',
            'scoped.end', 'failed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "cancelled"}',
            'restore.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "cancelled"}',
            'scoped.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "cancelled"}',
            'operation.cancel', 'allowed', 'target', 'operation_id', null),
        ('recovery_points_marks_on_record', 'update', '{}', 'point.save', 'allowed', 'target', 'id', null),
        ('recovery_points_marks_on_record', 'update', '{}', 'point.sync', 'allowed', '', '', null),
        ('recovery_points_marks_on_record', 'update', '{}', 'backup.end', 'allowed', 'point', 'id', null),
        ('wedding_milestones_on_record', 'insert', '{}', 'milestone.save', 'allowed', 'target', 'wedding_id', null),
        ('wedding_milestones_on_record', 'update', '{}', 'milestone.save', 'allowed', 'target', 'wedding_id', null),
        ('wedding_milestones_on_record', 'delete', '{}', 'milestone.save', 'allowed', 'target', 'wedding_id', null),

        -- Whoever gave the right password, or was let in again.
        ('sign_in_throttles_on_record', 'update', '{}', 'session.start', 'allowed', '', '', null),
        ('sign_in_throttles_on_record', 'update', '{}', 'session.password', 'allowed', '', '', null),
        ('sign_in_throttles_on_record', 'update', '{}', 'session.prove', 'allowed', '', '', null),
        ('sign_in_throttles_on_record', 'update', '{}', 'second_step.off', 'allowed', '', '', null),
        ('sign_in_throttles_stay_on_record', 'delete', '{}', 'session.start', 'allowed', '', '', null),
        ('sign_in_throttles_stay_on_record', 'delete', '{}', 'session.prove', 'allowed', '', '', null),
        ('sign_in_throttles_stay_on_record', 'delete', '{}', 'second_step.off', 'allowed', '', '', null),
        ('sign_in_throttles_stay_on_record', 'delete', '{}', 'account.unlock', 'allowed', '', '', null),
        ('sign_in_throttles_stay_on_record', 'delete', '{}', 'account.password', 'allowed', '', '', null),
        ('sign_in_throttles_begin_on_record', 'insert', '{}', 'token.use', '', '', '', null),
        ('sign_in_throttles_begin_on_record', 'insert', '{}', 'session.use', '', '', '', null),
        ('sign_in_throttles_begin_on_record', 'insert', '{}', 'request.send', '', '', '', null),
        ('used_codes_on_record', 'update', '{}', 'session.start', 'allowed', '', '', '{used_at}'),
        ('used_codes_on_record', 'update', '{}', 'session.prove', 'allowed', '', '', '{used_at}'),
        ('sign_in_throttles_hours_on_record', 'update', '{}', 'token.use', '', '', '', null),
        ('sign_in_throttles_hours_on_record', 'update', '{}', 'session.use', '', '', '', null),
        ('sign_in_throttles_hours_on_record', 'update', '{}', 'request.send', '', '', '', null),

        ('settings_on_record', 'update', '{"name": "configuration"}', 'settings.change', 'allowed', '', '', '{value}'),
        ('settings_on_record', 'update', '{"name": "milestones_seen"}', 'milestone.look', 'allowed', '', '', '{value}'),
        ('alert_places_on_record', 'update', '{}',
            'alert.tell', 'allowed', '', '', '{last_id, leased_until, next_at, failures}')
    ) v (trigger_name, did, row_is, action, outcome, entry_part, row_part, changed)
    where v.trigger_name = $1 and v.did = $2
$$;
-- +goose StatementEnd

-- Looks, when the transaction commits, whether it has made an entry of that list, and makes one where it has not.
-- What the row holds goes nowhere but its id, its e-mail address and the names of the columns that changed.
-- +goose StatementBegin
create function must_be_on_record() returns trigger language plpgsql as $$
declare
    -- Of a row in a partition it is the table that counts.
    name    text := coalesce((
        select p.relname from pg_inherits i join pg_class p on p.oid = i.inhparent where i.inhrelid = tg_relid),
        tg_table_name);
    head    audit_head;
    said    audit_log;
    was     jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    written jsonb := coalesce(becomes, was);
    columns text[] := array(select key from jsonb_each(was) w where becomes -> key is distinct from value order by key);
begin
    -- Moving on over entries that nobody is alerted of says nothing.
    if tg_name = 'alert_places_on_record' and columns <@ '{last_id, leased_until, next_at, failures}'
        and ((becomes ->> 'last_id')::bigint > (was ->> 'last_id')::bigint) then
        perform from audit_log l
        where l.id > (was ->> 'last_id')::bigint
          and l.id <= (becomes ->> 'last_id')::bigint
          and (l.security or l.outcome = 'failed' or l.detail::text like '%"fell_short":true%');
        if not found then
            return null;
        end if;
    end if;
    select * into head from audit_head;
    if head.written_in = pg_current_xact_id() then
        perform from audit_log l, written_because(tg_name::text, lower(tg_op)) b
        where l.id between head.first_id and head.last_id
          and l.at >= now() - interval '10 minutes'
          and l.action = replace(b.action, '{kind}', coalesce(written ->> 'kind', ''))
          and b.outcome in ('', l.outcome)
          and written @> b.row_is
          and (b.entry_part = '' or to_jsonb(l) ->> b.entry_part = written ->> b.row_part)
          and (b.changed is null or columns <@ b.changed);
        if found then
            return null;
        end if;
    end if;
    select e.last_id, e.hash into said.id, said.prev_hash from audit_open_end() e;
    if said.id is null then
        raise exception 'rows of % change on record only', name using errcode = 'insufficient_privilege';
    end if;
    head.last_id := said.id;
    head.hash := said.prev_hash;
    said := audit_entry_of_the_database('database.write', name, 'allowed', jsonb_build_object(
        'did', lower(tg_op),
        'row', left(coalesce(
            written ->> 'id', written ->> 'name', written ->> 'actor_id', written ->> 'wedding_id'), 200),
        'account', written ->> 'account_id',
        'email', left(written ->> 'email', 200),
        'columns', case when tg_op = 'UPDATE' then to_jsonb(columns) end));
    said.id := head.last_id + 1;
    said.prev_hash := head.hash;
    said.hash := audit_hash(said);
    insert into audit_log select (said).*;
    update audit_head set last_id = said.id, hash = said.hash;
    return null;
end $$;
-- +goose StatementEnd

create constraint trigger accounts_on_record after insert or delete on accounts deferrable initially deferred
    for each row execute function must_be_on_record('account.');
create constraint trigger accounts_change_on_record after update on accounts deferrable initially deferred
    for each row when ((old.email, old.password_hash, old.role, old.platform, old.organization, old.kind, old.subject)
        is distinct from (new.email, new.password_hash, new.role, new.platform, new.organization, new.kind, new.subject)
        or old.disabled_at is distinct from new.disabled_at)
    execute function must_be_on_record('account.', 'session.end');

create constraint trigger sessions_on_record after insert on sessions deferrable initially deferred
    for each row execute function must_be_on_record('session.start');
create constraint trigger sessions_change_on_record after update on sessions deferrable initially deferred
    for each row
        when ((old.token_hash, old.account_id, old.expires_at, old.proven_at)
            is distinct from (new.token_hash, new.account_id, new.expires_at, new.proven_at)
            or old.ended_at is not null and new.ended_at is null)
    execute function must_be_on_record('session.prove');

create constraint trigger api_tokens_on_record after insert on api_tokens deferrable initially deferred
    for each row execute function must_be_on_record('token.create');
create constraint trigger api_tokens_change_on_record after update on api_tokens deferrable initially deferred
    for each row
        when ((old.token_hash, old.account_id, old.permissions, old.expires_at)
            is distinct from (new.token_hash, new.account_id, new.permissions, new.expires_at)
            or old.revoked_at is distinct from new.revoked_at)
    execute function must_be_on_record('token.', 'account.close');

create constraint trigger second_steps_on_record after insert or delete on second_steps deferrable initially deferred
    for each row execute function must_be_on_record('second_step.');
create constraint trigger second_steps_change_on_record after update on second_steps deferrable initially deferred
    for each row
        when ((old.account_id, old.secret, old.confirmed_at)
            is distinct from (new.account_id, new.secret, new.confirmed_at)
            or new.last_step < old.last_step)
    execute function must_be_on_record('second_step.');

create constraint trigger recovery_codes_on_record
    after insert or delete on recovery_codes deferrable initially deferred
    for each row execute function must_be_on_record('second_step.');
create constraint trigger recovery_codes_change_on_record after update on recovery_codes deferrable initially deferred
    for each row
        when ((old.account_id, old.code_hash) is distinct from (new.account_id, new.code_hash)
            or old.used_at is distinct from new.used_at)
    execute function must_be_on_record('second_step.');

create constraint trigger backup_operations_on_record after insert on backup_operations deferrable initially deferred
    for each row execute function must_be_on_record('backup.', 'verify.', 'repair.', 'restore.', 'scope.', 'approval.');
create constraint trigger backup_operations_change_on_record
    after update on backup_operations deferrable initially deferred
    for each row
        when ((old.kind, old.platform, old.organization, old.target, old.target_database, old.restore,
                old.requested_by, old.approved_by)
            is distinct from (new.kind, new.platform, new.organization, new.target, new.target_database, new.restore,
                new.requested_by, new.approved_by))
    execute function must_be_on_record('approval.');

-- The approval is in the trail, in the name of who gave it, in the same transaction; without it, it does not count.
-- +goose StatementBegin
create function approval_is_on_record() returns trigger language plpgsql as $$
begin
    perform from audit_head h
    join audit_log l on l.id between h.first_id and h.last_id and l.at >= now() - interval '10 minutes'
    where h.written_in = pg_current_xact_id()
      and l.action = 'approval.give'
      and l.outcome = 'allowed'
      and l.target = new.id::text
      and l.actor_id = new.approved_by;
    if not found then
        raise exception 'the approval of operation % is not on record', new.id using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
-- +goose StatementEnd
create constraint trigger approvals_are_on_record after update on backup_operations deferrable initially deferred
    for each row when (old.state = 'proposed' and new.state = 'queued') execute function approval_is_on_record();
-- Nor does an operation come with one.
create constraint trigger approvals_do_not_come_along after insert on backup_operations deferrable initially deferred
    for each row when (new.approved_at is not null) execute function approval_is_on_record();

create constraint trigger backup_operations_states_on_record
    after update on backup_operations deferrable initially deferred
    for each row when (new.state <> old.state and new.state in ('queued', 'done', 'failed', 'cancelled'))
    execute function must_be_on_record();
create constraint trigger backup_operations_notes_on_record
    after update on backup_operations deferrable initially deferred
    for each row when ((old.note, old.labels) is distinct from (new.note, new.labels))
        execute function must_be_on_record();
create constraint trigger backup_operations_stay_on_record
    after delete on backup_operations deferrable initially deferred
    for each row execute function must_be_on_record();
create constraint trigger operation_events_on_record
    after update or delete on operation_events deferrable initially deferred
    for each row execute function must_be_on_record();

-- What was proved of a recovery point, and how restores went.
create constraint trigger backup_tests_on_record
    after insert or update or delete on backup_tests deferrable initially deferred
    for each row execute function must_be_on_record();
create constraint trigger disaster_recovery_events_on_record
    after insert or update or delete on disaster_recovery_events deferrable initially deferred
    for each row execute function must_be_on_record();
create constraint trigger recovery_points_stay_on_record after delete on recovery_points deferrable initially deferred
    for each row execute function must_be_on_record();
create constraint trigger recovery_points_marks_on_record after update on recovery_points deferrable initially deferred
    for each row when ((old.note, old.labels, old.locked) is distinct from (new.note, new.labels, new.locked))
        execute function must_be_on_record();
create constraint trigger wedding_milestones_on_record
    after insert or update or delete on wedding_milestones deferrable initially deferred
    for each row execute function must_be_on_record();

-- Locks and limits. Failures of more than a day ago count no more, so that when they were is not for anybody to choose.
create constraint trigger sign_in_throttles_on_record after update on sign_in_throttles deferrable initially deferred
    for each row
        when (old.kind <> 'hourly'
            and ((new.kind, new.subject) is distinct from (old.kind, old.subject)
                or new.locked_until < old.locked_until
                or new.failures < old.failures and old.last_failure_at > clock_timestamp() - interval '1 day'
                or new.last_failure_at <> old.last_failure_at
                    and new.last_failure_at not between clock_timestamp() - interval '5 minutes'
                        and clock_timestamp() + interval '5 minutes'))
    execute function must_be_on_record();
-- What is on record once an hour counts from an entry on, and one by one.
create constraint trigger sign_in_throttles_begin_on_record
    after insert on sign_in_throttles deferrable initially deferred
    for each row when (new.kind = 'hourly') execute function must_be_on_record();
create constraint trigger sign_in_throttles_hours_on_record
    after update on sign_in_throttles deferrable initially deferred
    for each row
        when (old.kind = 'hourly'
            and ((new.kind, new.subject, new.locked_until) is distinct from (old.kind, old.subject, old.locked_until)
                or new.failures not in (old.failures, old.failures + 1))) execute function must_be_on_record();
create constraint trigger sign_in_throttles_stay_on_record
    after delete on sign_in_throttles deferrable initially deferred
    for each row
        when (old.kind <> 'hourly'
            and (old.locked_until > clock_timestamp() or old.last_failure_at > clock_timestamp() - interval '1 day'))
    execute function must_be_on_record();
-- A code that was used a moment ago would work again.
create constraint trigger used_codes_on_record after update or delete on used_codes deferrable initially deferred
    for each row when (old.used_at > clock_timestamp() - interval '5 minutes') execute function must_be_on_record();
-- +goose StatementBegin
create function uses_within_an_hour(used timestamptz[]) returns timestamptz[] language sql as
$$ select coalesce(array_agg(u), '{}') from unnest(used) u where u > clock_timestamp() - interval '1 hour' $$;
-- +goose StatementEnd
create constraint trigger rate_limits_on_record after update on rate_limits deferrable initially deferred
    for each row
        when ((new.actor_id, new.platform, new.kind) is distinct from (old.actor_id, old.platform, old.kind)
            or not uses_within_an_hour(old.used_at) <@ new.used_at)
    execute function must_be_on_record();
create constraint trigger rate_limits_stay_on_record after delete on rate_limits deferrable initially deferred
    for each row when (uses_within_an_hour(old.used_at) <> '{}') execute function must_be_on_record();

-- What the configuration was, what cookies are sealed with, and which day was looked at last.
-- How the trail was found is sealed with the repository's key: who puts anything else there takes a cache away.
create constraint trigger settings_on_record after update on settings deferrable initially deferred
    for each row
        when (old.name <> 'audit_verdict'
            or (new.platform, new.name) <> (old.platform, old.name)
            or substr(new.value, 1, 7) <> 'sealed ')
        execute function must_be_on_record();
create constraint trigger settings_stay_on_record after delete on settings deferrable initially deferred
    for each row execute function must_be_on_record();

-- How far people have been alerted.
create constraint trigger alert_places_on_record after update on alert_places deferrable initially deferred
    for each row when (new.place <> old.place or new.last_id > old.last_id or new.failures > old.failures + 1
        or new.next_at > old.next_at
            and new.next_at > clock_timestamp()
            and new.last_id = old.last_id
            and new.failures <= old.failures
        or new.leased_until > old.leased_until and old.leased_until > clock_timestamp())
    execute function must_be_on_record();
create constraint trigger alert_places_stay_on_record after delete on alert_places deferrable initially deferred
    for each row execute function must_be_on_record();

-- A session that nobody used for half an hour is over, whoever says that it was used.
create constraint trigger sessions_use_on_record after update on sessions deferrable initially deferred
    for each row
        when (new.last_seen_at > old.last_seen_at
            and (old.last_seen_at <= clock_timestamp() - interval '30 minutes'
                or new.last_seen_at - old.last_seen_at >= interval '30 minutes'
                or new.last_seen_at > clock_timestamp() + interval '5 minutes'))
    execute function must_be_on_record();

-- A temporary table of whoever is connected must not stand in the place of the trail.
-- +goose StatementBegin
do $$
declare
    f text;
begin
    foreach f in array array['written_because(text, text)', 'must_be_on_record()', 'backup_operations_guard()',
        'keep_slots()', 'approval_is_on_record()',
        'uses_within_an_hour(timestamptz[])', 'restores_alone(text, double precision)'] loop
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
    end loop;
end $$;
-- +goose StatementEnd
-- who holds the end of the trail keeps nobody waiting for longer
alter function must_be_on_record() set lock_timeout = '2s';

-- +goose Down
drop trigger sessions_use_on_record on sessions;
drop trigger alert_places_stay_on_record on alert_places;
drop trigger alert_places_on_record on alert_places;
drop trigger settings_stay_on_record on settings;
drop trigger settings_on_record on settings;
drop trigger rate_limits_stay_on_record on rate_limits;
drop trigger rate_limits_on_record on rate_limits;
drop trigger used_codes_on_record on used_codes;
drop trigger sign_in_throttles_stay_on_record on sign_in_throttles;
drop trigger sign_in_throttles_hours_on_record on sign_in_throttles;
drop trigger sign_in_throttles_begin_on_record on sign_in_throttles;
drop trigger sign_in_throttles_on_record on sign_in_throttles;
drop trigger wedding_milestones_on_record on wedding_milestones;
drop trigger recovery_points_marks_on_record on recovery_points;
drop trigger recovery_points_stay_on_record on recovery_points;
drop trigger disaster_recovery_events_on_record on disaster_recovery_events;
drop trigger backup_tests_on_record on backup_tests;
drop trigger operation_events_on_record on operation_events;
drop trigger backup_operations_stay_on_record on backup_operations;
drop trigger backup_operations_notes_on_record on backup_operations;
drop trigger backup_operations_states_on_record on backup_operations;
drop trigger approvals_do_not_come_along on backup_operations;
drop trigger approvals_are_on_record on backup_operations;
drop trigger backup_operations_change_on_record on backup_operations;
drop trigger backup_operations_on_record on backup_operations;
drop trigger recovery_codes_change_on_record on recovery_codes;
drop trigger recovery_codes_on_record on recovery_codes;
drop trigger second_steps_change_on_record on second_steps;
drop trigger second_steps_on_record on second_steps;
drop trigger api_tokens_change_on_record on api_tokens;
drop trigger api_tokens_on_record on api_tokens;
drop trigger sessions_change_on_record on sessions;
drop trigger sessions_on_record on sessions;
drop trigger accounts_change_on_record on accounts;
drop trigger accounts_on_record on accounts;
drop function must_be_on_record(), approval_is_on_record(), uses_within_an_hour(timestamptz[]),
    written_because(text, text);
alter function restores_alone(text, double precision) reset search_path;
alter function keep_slots() reset search_path;
alter function backup_operations_guard() reset search_path;
