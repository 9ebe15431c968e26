-- What the console works as cannot start what waits for somebody's approval, rewrite what was asked for, or break the end of the audit trail; and what it
-- may change of locks, limits, notes, proofs and alerts changes on record only. A trail whose end was broken by somebody else goes on in a new section.
-- +goose Up

-- Opens the end of the trail for an entry: locks it and says what it is. An end that does not name the newest entry, or is not there, was changed by
-- somebody who owns the tables. It is put where the newest entry is, with an entry that says so: the trail goes on, and verification names the section.
-- It belongs to the owner because only the owner may make the row anew; for an end that is as it should be it changes nothing.
-- +goose StatementBegin
create function audit_open_end(out last_id bigint, out hash bytea) language plpgsql security definer as $$
declare
    was    text := coalesce(current_setting('keepsake.role', true), '');
    head   audit_head;
    newest record;
    said   audit_log;
    wrong  text;
begin
    if not keepsake_is_someone() then
        return;
    end if;
    perform set_config('keepsake.role', 'system', true);
    select * into head from audit_head for update;
    if not found then
        insert into audit_head (last_id, hash) values (0, sha256('none')) on conflict do nothing;
        select * into head from audit_head for update;
        wrong := 'the name and the end of the trail were gone; it goes on as ' || head.trail;
    end if;
    select l.id, l.hash into newest from audit_log l order by l.id desc limit 1;
    if not found then
        select 0::bigint as id, sha256(convert_to('keepsake audit v1 ' || head.trail, 'UTF8')) as hash into newest;
    end if;
    if wrong is null and (head.last_id <> newest.id or head.hash <> newest.hash) then
        wrong := format('the trail ended with row %s by its end, and with row %s by its rows%s', head.last_id, newest.id,
            case when head.last_id = newest.id then ', which was another' else '' end);
    end if;
    if wrong is not null then
        update audit_head h set last_id = newest.id, hash = newest.hash;
        said := audit_entry_of_the_database('audit.section', 'row ' || newest.id, 'failed', jsonb_build_object('problem', wrong, 'end', encode(head.hash, 'hex')));
        said.id := newest.id + 1;
        said.prev_hash := newest.hash;
        said.hash := audit_hash(said);
        insert into audit_log select (said).*;
        update audit_head h set last_id = said.id, hash = said.hash;
        select said.id as id, said.hash as hash into newest;
    end if;
    last_id := newest.id;
    hash := newest.hash;
    perform set_config('keepsake.role', was, true);
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function audit_entry_of_the_database(action text, target text, outcome text, detail jsonb) returns audit_log language plpgsql as $$
declare
    said audit_log;
begin
    said.at := clock_timestamp();
    said.actor_id := 'database';
    said.actor_name := session_user;
    said.actor_role := 'database';
    said.address := coalesce(host(inet_client_addr()), '');
    said.user_agent := current_setting('application_name');
    said.action := action;
    said.target := target;
    said.outcome := outcome;
    said.security := true;
    said.organization := '';
    said.session := '';
    said.token := '';
    said.request_id := '';
    said.wedding := '';
    said.point := '';
    said.duration_ms := 0;
    said.detail := jsonb_strip_nulls(detail)::json;
    return said;
end $$;
-- +goose StatementEnd

-- The end names the newest entry and keeps its name: whoever may write it can move it nowhere else.
-- +goose StatementBegin
create or replace function audit_head_grows() returns trigger language plpgsql as $$
declare
    was    text := coalesce(current_setting('keepsake.role', true), '');
    newest record;
begin
    perform set_config('keepsake.role', 'system', true);
    select l.id, l.hash into newest from audit_log l order by l.id desc limit 1;
    if not found then
        select 0::bigint as id, sha256(convert_to('keepsake audit v1 ' || old.trail, 'UTF8')) as hash into newest;
    end if;
    perform set_config('keepsake.role', was, true);
    if new.trail <> old.trail or not new.is_head or new.last_id <> newest.id or new.hash <> newest.hash then
        raise exception 'the audit trail ends with its newest entry' using errcode = 'check_violation';
    end if;
    if new.last_id = old.last_id + 1 then
        new.first_id := case when old.written_in = pg_current_xact_id() then old.first_id else new.last_id end;
        new.written_in := pg_current_xact_id();
    else -- an end that was broken: nothing was said in this transaction
        new.first_id := 0;
        new.written_in := null;
    end if;
    return new;
end $$;
-- +goose StatementEnd
create policy audit_head_anew on audit_head for insert with check (keepsake_is_system());

-- An entry carries its own hash, is of now and of a size that anybody can show, and what is a security event is marked as one (Security in internal/audit
-- says what is), or it would alert nobody. That a new section begins is for the owner's function to say.
-- +goose StatementBegin
create or replace function audit_log_follows() returns trigger language plpgsql as $$
declare
    code text := coalesce(new.detail ->> 'code', '');
begin
    perform from audit_head h where new.id = h.last_id + 1 and new.prev_hash = h.hash;
    if not found then
        raise exception 'an entry of the audit trail follows the last one' using errcode = 'insufficient_privilege';
    end if;
    if new.at not between clock_timestamp() - interval '5 minutes' and clock_timestamp() + interval '5 minutes' then
        raise exception 'an entry of the audit trail is of now' using errcode = 'insufficient_privilege';
    end if;
    if octet_length(new.detail::text) > 1048576 or 600 < any (array[octet_length(new.actor_id), octet_length(new.actor_name), octet_length(new.actor_role),
        octet_length(new.organization), octet_length(new.session), octet_length(new.token), octet_length(new.address), octet_length(new.user_agent),
        octet_length(new.request_id), octet_length(new.action), octet_length(new.target), octet_length(new.wedding), octet_length(new.point)]) then
        raise exception 'an entry of the audit trail is no longer than anybody reads' using errcode = 'insufficient_privilege';
    end if;
    if new.hash is distinct from audit_hash(new) then
        raise exception 'an entry of the audit trail carries its own hash' using errcode = 'insufficient_privilege';
    end if;
    if new.action = 'audit.section' and current_user <> (select pg_get_userbyid(c.relowner) from pg_class c where c.oid = tg_relid) then
        raise exception 'the database says itself where a section of the audit trail begins' using errcode = 'insufficient_privilege';
    end if;
    if not new.security and code <> 'proof' and (
        new.action similar to '(account|approval|second_step|key|slot|settings|database).%|token.(create|revoke)%|audit.(begin|broken|section)%'
        or new.outcome <> 'allowed' and (new.action <> 'session.use' and new.action similar to '(session|token).%' or code in ('forbidden', 'limited'))) then
        raise exception 'this is a security event' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
-- +goose StatementEnd

-- Which entry, made in the same transaction, says why a row was written: for each trigger and kind of write, of rows that hold what row_is says, an entry
-- of exactly this action and outcome ('' is any) whose entry_part is the row's row_part ('' is any), where no more than these columns changed (null is any).
-- +goose StatementBegin
create function written_because(trigger_name text, did text) returns table (row_is jsonb, action text, outcome text, entry_part text, row_part text, changed text[])
language sql immutable as $$
    select v.row_is::jsonb, v.action, v.outcome, v.entry_part, v.row_part, v.changed::text[] from (values
        ('accounts_on_record', 'insert', '{}', 'account.create', 'allowed', 'target', 'email', null),
        ('accounts_on_record', 'insert', '{}', 'account.elsewhere', 'allowed', 'target', 'email', null),
        ('accounts_change_on_record', 'update', '{}', 'account.password', 'allowed', 'target', 'email', '{password_hash, changed_at}'),
        ('accounts_change_on_record', 'update', '{}', 'account.close', 'allowed', 'target', 'email', '{disabled_at}'),
        ('accounts_change_on_record', 'update', '{}', 'account.elsewhere', 'allowed', 'target', 'email', '{email, role, organization, changed_at, disabled_at}'),
        ('sessions_on_record', 'insert', '{}', 'session.start', 'allowed', 'session', 'id', null),
        ('sessions_change_on_record', 'update', '{}', 'session.prove', 'allowed', 'session', 'id', '{proven_at}'),
        ('api_tokens_on_record', 'insert', '{}', 'token.create', 'allowed', 'target', 'id', null),
        ('api_tokens_change_on_record', 'update', '{}', 'token.revoke', 'allowed', 'target', 'id', '{revoked_at}'),
        ('api_tokens_change_on_record', 'update', '{}', 'account.close', 'allowed', '', '', '{revoked_at}'),
        ('second_steps_on_record', 'insert', '{}', 'second_step.begin', 'allowed', 'actor_id', 'account_id', null),
        ('second_steps_on_record', 'delete', '{}', 'second_step.off', 'allowed', '', '', null),
        ('second_steps_change_on_record', 'update', '{}', 'second_step.begin', 'allowed', 'actor_id', 'account_id', '{secret, created_at}'),
        ('second_steps_change_on_record', 'update', '{}', 'second_step.on', 'allowed', 'actor_id', 'account_id', '{confirmed_at, last_step}'),
        ('recovery_codes_on_record', 'insert', '{}', 'second_step.on', 'allowed', 'actor_id', 'account_id', null),
        ('recovery_codes_on_record', 'insert', '{}', 'second_step.codes', 'allowed', 'actor_id', 'account_id', null),
        ('recovery_codes_on_record', 'delete', '{}', 'second_step.on', 'allowed', 'actor_id', 'account_id', null),
        ('recovery_codes_on_record', 'delete', '{}', 'second_step.codes', 'allowed', 'actor_id', 'account_id', null),
        ('recovery_codes_on_record', 'delete', '{}', 'second_step.off', 'allowed', '', '', null),
        ('recovery_codes_change_on_record', 'update', '{}', 'second_step.recovery_code', 'allowed', 'actor_id', 'account_id', '{used_at}'),
        ('recovery_codes_change_on_record', 'update', '{}', 'second_step.off', 'allowed', 'actor_id', 'account_id', '{used_at}'),

        -- What runs at once was started, by its id; what waits was asked for; what has ended already was found.
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "backup"}', 'backup.start', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "verify"}', 'verify.start', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "repair"}', 'repair.start', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "restore"}', 'restore.start', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "scoped"}', 'scope.restore', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "queued", "kind": "scoped"}', 'scope.undo', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "proposed"}', 'approval.ask', 'allowed', 'target', 'id', null),
        ('backup_operations_on_record', 'insert', '{"state": "done", "kind": "backup"}', 'backup.found', 'allowed', '', '', null),
        ('backup_operations_on_record', 'insert', '{"state": "failed", "kind": "backup"}', 'backup.found', 'allowed', '', '', null),
        ('backup_operations_on_record', 'insert', '{"state": "cancelled", "kind": "backup"}', 'backup.found', 'allowed', '', '', null),
        ('backup_operations_on_record', 'insert', '{"state": "done", "kind": "backup"}', 'backup.end', 'allowed', 'target', 'point_id', null),
        ('backup_operations_on_record', 'insert', '{"state": "failed", "kind": "backup"}', 'backup.end', '', '', '', null),
        ('backup_operations_on_record', 'insert', '{"state": "cancelled", "kind": "backup"}', 'backup.end', '', '', '', null),
        ('backup_operations_change_on_record', 'update', '{"state": "queued"}', 'approval.give', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "queued"}', 'approval.give', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "done"}', '{kind}.end', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "failed"}', '{kind}.end', 'failed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "cancelled"}', '{kind}.end', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "cancelled"}', 'operation.cancel', 'allowed', 'target', 'id', null),
        ('backup_operations_states_on_record', 'update', '{"state": "cancelled"}', 'approval.expire', 'allowed', 'target', 'id', null),

        ('backup_tests_on_record', 'insert', '{"kind": "verify"}', 'verify.end', 'allowed', 'target', 'operation_id', null),
        ('backup_tests_on_record', 'insert', '{"kind": "deep_verify"}', 'verify.end', 'allowed', 'target', 'operation_id', null),
        ('backup_tests_on_record', 'insert', '{"kind": "restore"}', 'restore.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "done"}', 'restore.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "done"}', 'scoped.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "failed"}', 'restore.end', 'failed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "failed"}', 'scoped.end', 'failed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "cancelled"}', 'restore.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "cancelled"}', 'scoped.end', 'allowed', 'target', 'operation_id', null),
        ('disaster_recovery_events_on_record', 'insert', '{"outcome": "cancelled"}', 'operation.cancel', 'allowed', 'target', 'operation_id', null),
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
        ('alert_places_on_record', 'update', '{}', 'alert.tell', 'allowed', '', '', '{last_id, leased_until, next_at, failures}')
    ) v (trigger_name, did, row_is, action, outcome, entry_part, row_part, changed)
    where v.trigger_name = $1 and v.did = $2
$$;
-- +goose StatementEnd

-- As before, by that list.
-- +goose StatementBegin
create or replace function must_be_on_record() returns trigger language plpgsql as $$
declare
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
        perform from audit_log l where l.id > (was ->> 'last_id')::bigint and l.id <= (becomes ->> 'last_id')::bigint and (l.security or l.outcome = 'failed');
        if not found then
            return null;
        end if;
    end if;
    select * into head from audit_head;
    if head.written_in = pg_current_xact_id() then
        perform from audit_log l, written_because(tg_name::text, lower(tg_op)) b
        where l.id between head.first_id and head.last_id and l.action = replace(b.action, '{kind}', coalesce(written ->> 'kind', '')) and b.outcome in ('', l.outcome)
            and written @> b.row_is and (b.entry_part = '' or to_jsonb(l) ->> b.entry_part = written ->> b.row_part)
            and (b.changed is null or columns <@ b.changed);
        if found then
            return null;
        end if;
    end if;
    select * into said.id, said.prev_hash from audit_open_end();
    if said.id is null then
        raise exception 'rows of % change on record only', tg_table_name using errcode = 'insufficient_privilege';
    end if;
    head.last_id := said.id;
    head.hash := said.prev_hash;
    said := audit_entry_of_the_database('database.write', tg_table_name::text, 'allowed', jsonb_build_object('did', lower(tg_op),
        'row', left(coalesce(written ->> 'id', written ->> 'name', written ->> 'actor_id', written ->> 'wedding_id'), 200),
        'account', written ->> 'account_id', 'email', left(written ->> 'email', 200), 'columns', case when tg_op = 'UPDATE' then to_jsonb(columns) end));
    said.id := head.last_id + 1;
    said.prev_hash := head.hash;
    said.hash := audit_hash(said);
    insert into audit_log select (said).*;
    update audit_head set last_id = said.id, hash = said.hash;
    return null;
end $$;
-- +goose StatementEnd

-- What was asked for stays what was asked for, and goes through its states in order. What has ended stays as it is.
-- +goose StatementBegin
create or replace function backup_operations_guard() returns trigger language plpgsql as $$
begin
    if new.state <> old.state and not (old.state, new.state) in (values
        ('proposed', 'queued'), ('proposed', 'cancelled'), ('queued', 'running'), ('queued', 'cancelled'), ('running', 'interrupted'), ('running', 'done'),
        ('running', 'failed'), ('running', 'cancelled'), ('interrupted', 'running'), ('interrupted', 'cancelled')) then
        raise exception 'operation % is % and does not become %', old.id, old.state, new.state using errcode = 'check_violation';
    end if;
    if old.state in ('done', 'failed', 'cancelled') and (to_jsonb(new) - 'note' - 'labels') <> (to_jsonb(old) - 'note' - 'labels') then
        raise exception 'operation % has ended as % and stays so', old.id, old.state using errcode = 'check_violation';
    end if;
    if (new.id, new.kind, new.backup_type, new.deep, new.target, new.target_database, new.target_create, new.provider, new.tiers, new.scope, new.weddings, new.requested_by, new.requested_name, new.created_at)
        is distinct from (old.id, old.kind, old.backup_type, old.deep, old.target, old.target_database, old.target_create, old.provider, old.tiers, old.scope, old.weddings, old.requested_by, old.requested_name, old.created_at)
        or new.point_id <> old.point_id and not (old.state = 'running' and new.state in ('done', 'failed', 'cancelled')) then
        raise exception 'what operation % was asked for stays as it is', old.id using errcode = 'check_violation';
    end if;
    if new.organization is distinct from old.organization then
        raise exception 'operation % stays whose it is', old.id using errcode = 'insufficient_privilege';
    end if;
    if (new.approved_by, new.approved_name) is distinct from (old.approved_by, old.approved_name) or new.approved_at is distinct from old.approved_at then
        if old.state <> 'proposed' or new.state <> 'queued' or new.approved_by in ('', old.requested_by) or new.approved_name in ('', old.requested_name) then
            raise exception 'operation % is approved by somebody else, once, while it waits for it', old.id using errcode = 'check_violation';
        end if;
    elsif old.state = 'proposed' and new.state = 'queued' then
        raise exception 'operation % waits for somebody to approve it', old.id using errcode = 'check_violation';
    end if;
    if new.fence < old.fence or new.last_event_id < old.last_event_id then
        raise exception 'fence and event ids of operation % only grow', old.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd

-- The approval is in the trail, in the name of who gave it, in the same transaction; without it, it does not count.
-- +goose StatementBegin
create function approval_is_on_record() returns trigger language plpgsql as $$
begin
    perform from audit_head h join audit_log l on l.id between h.first_id and h.last_id
    where h.written_in = pg_current_xact_id() and l.action = 'approval.give' and l.outcome = 'allowed' and l.target = new.id::text and l.actor_id = new.approved_by;
    if not found then
        raise exception 'the approval of operation % is not on record', new.id using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
-- +goose StatementEnd
create constraint trigger approvals_are_on_record after update on backup_operations deferrable initially deferred
    for each row when (old.state = 'proposed' and new.state = 'queued') execute function approval_is_on_record();

create constraint trigger backup_operations_states_on_record after update on backup_operations deferrable initially deferred
    for each row when (new.state <> old.state and new.state in ('queued', 'done', 'failed', 'cancelled'))
    execute function must_be_on_record();
create constraint trigger backup_operations_notes_on_record after update on backup_operations deferrable initially deferred
    for each row when ((old.note, old.labels) is distinct from (new.note, new.labels)) execute function must_be_on_record();
create constraint trigger backup_operations_stay_on_record after delete on backup_operations deferrable initially deferred
    for each row execute function must_be_on_record();
create constraint trigger operation_events_on_record after update or delete on operation_events deferrable initially deferred
    for each row execute function must_be_on_record();

-- What was proved of a recovery point, and how restores went.
create constraint trigger backup_tests_on_record after insert or update or delete on backup_tests deferrable initially deferred
    for each row execute function must_be_on_record();
create constraint trigger disaster_recovery_events_on_record after insert or update or delete on disaster_recovery_events deferrable initially deferred
    for each row execute function must_be_on_record();
create constraint trigger recovery_points_stay_on_record after delete on recovery_points deferrable initially deferred
    for each row execute function must_be_on_record();
create constraint trigger recovery_points_marks_on_record after update on recovery_points deferrable initially deferred
    for each row when ((old.note, old.labels, old.locked) is distinct from (new.note, new.labels, new.locked)) execute function must_be_on_record();
create constraint trigger wedding_milestones_on_record after insert or update or delete on wedding_milestones deferrable initially deferred
    for each row execute function must_be_on_record();

-- Locks and limits. Failures of more than a day ago count no more, so that when they were is not for anybody to choose.
create constraint trigger sign_in_throttles_on_record after update on sign_in_throttles deferrable initially deferred
    for each row when (old.kind <> 'hourly' and ((new.kind, new.subject) is distinct from (old.kind, old.subject) or new.locked_until < old.locked_until
        or new.failures < old.failures and old.last_failure_at > clock_timestamp() - interval '1 day'
        or new.last_failure_at <> old.last_failure_at and new.last_failure_at not between clock_timestamp() - interval '5 minutes' and clock_timestamp() + interval '5 minutes'))
    execute function must_be_on_record();
-- What is on record once an hour counts from an entry on, and one by one.
create constraint trigger sign_in_throttles_begin_on_record after insert on sign_in_throttles deferrable initially deferred
    for each row when (new.kind = 'hourly') execute function must_be_on_record();
create constraint trigger sign_in_throttles_hours_on_record after update on sign_in_throttles deferrable initially deferred
    for each row when (old.kind = 'hourly' and ((new.kind, new.subject, new.locked_until) is distinct from (old.kind, old.subject, old.locked_until)
        or new.failures not in (old.failures, old.failures + 1))) execute function must_be_on_record();
create constraint trigger sign_in_throttles_stay_on_record after delete on sign_in_throttles deferrable initially deferred
    for each row when (old.kind <> 'hourly' and (old.locked_until > clock_timestamp() or old.last_failure_at > clock_timestamp() - interval '1 day'))
    execute function must_be_on_record();
-- A code that was used a moment ago would work again.
create constraint trigger used_codes_on_record after update or delete on used_codes deferrable initially deferred
    for each row when (old.used_at > clock_timestamp() - interval '5 minutes') execute function must_be_on_record();
-- +goose StatementBegin
create function uses_within_an_hour(used timestamptz[]) returns timestamptz[] language sql as
$$ select coalesce(array_agg(u), '{}') from unnest(used) u where u > clock_timestamp() - interval '1 hour' $$;
-- +goose StatementEnd
create constraint trigger rate_limits_on_record after update on rate_limits deferrable initially deferred
    for each row when ((new.actor_id, new.kind) is distinct from (old.actor_id, old.kind) or not uses_within_an_hour(old.used_at) <@ new.used_at)
    execute function must_be_on_record();
create constraint trigger rate_limits_stay_on_record after delete on rate_limits deferrable initially deferred
    for each row when (uses_within_an_hour(old.used_at) <> '{}') execute function must_be_on_record();

-- What the configuration was, what cookies are sealed with, and which day was looked at last. How the trail was found is sealed with the repository's key:
-- who puts anything else there takes a cache away.
create constraint trigger settings_on_record after update on settings deferrable initially deferred
    for each row when (old.name <> 'audit_verdict' or new.name <> old.name or substr(new.value, 1, 7) <> 'sealed ') execute function must_be_on_record();
create constraint trigger settings_stay_on_record after delete on settings deferrable initially deferred
    for each row execute function must_be_on_record();
delete from settings where name = 'audit_verdict'; -- it is read anew, and sealed

-- How far people have been alerted, and that they are: nobody is told of what is not there yet, or much later.
-- +goose StatementBegin
create function alert_places_guard() returns trigger language plpgsql as $$
begin
    if new.last_id > (select h.last_id from audit_head h) then
        raise exception 'a place was told of nothing beyond the end of the audit trail' using errcode = 'check_violation';
    end if;
    if new.next_at > clock_timestamp() + interval '15 minutes' or new.leased_until > clock_timestamp() + interval '5 minutes' then
        raise exception 'alerts are not put off for so long' using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger alert_places_guard before insert or update on alert_places for each row execute function alert_places_guard();
create constraint trigger alert_places_on_record after update on alert_places deferrable initially deferred
    for each row when (new.place <> old.place or new.last_id > old.last_id or new.failures > old.failures + 1
        or new.next_at > old.next_at and new.next_at > clock_timestamp() and new.last_id = old.last_id and new.failures <= old.failures
        or new.leased_until > old.leased_until and old.leased_until > clock_timestamp())
    execute function must_be_on_record();
create constraint trigger alert_places_stay_on_record after delete on alert_places deferrable initially deferred
    for each row execute function must_be_on_record();

-- A session that nobody used for half an hour is over, whoever says that it was used.
create constraint trigger sessions_use_on_record after update on sessions deferrable initially deferred
    for each row when (new.last_seen_at > old.last_seen_at and (old.last_seen_at <= clock_timestamp() - interval '30 minutes'
        or new.last_seen_at - old.last_seen_at >= interval '30 minutes' or new.last_seen_at > clock_timestamp() + interval '5 minutes'))
    execute function must_be_on_record();

-- A temporary table of whoever is connected must not stand in the place of the trail.
-- +goose StatementBegin
do $$
declare
    f text;
begin
    foreach f in array array['audit_open_end()', 'audit_entry_of_the_database(text, text, text, jsonb)', 'audit_head_grows()', 'audit_log_follows()', 'must_be_on_record()',
        'written_because(text, text)', 'backup_operations_guard()', 'approval_is_on_record()', 'alert_places_guard()', 'uses_within_an_hour(timestamptz[])', 'audit_hash(audit_log)', 'restores_alone(double precision)'] loop
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
    end loop;
    -- Who holds the end of the trail keeps nobody waiting for longer.
    alter function audit_open_end() set lock_timeout = '2s';
    alter function must_be_on_record() set lock_timeout = '2s';
end $$;
-- +goose StatementEnd

-- +goose Down
drop trigger sessions_use_on_record on sessions;
drop trigger alert_places_stay_on_record on alert_places;
drop trigger alert_places_on_record on alert_places;
drop trigger alert_places_guard on alert_places;
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
drop trigger approvals_are_on_record on backup_operations;
drop policy audit_head_anew on audit_head;
-- +goose StatementBegin
create or replace function audit_head_grows() returns trigger language plpgsql as $$
begin
    if new.last_id <> old.last_id + 1 then
        raise exception 'the audit trail grows by one row at a time' using errcode = 'check_violation';
    end if;
    new.first_id := case when old.written_in = pg_current_xact_id() then old.first_id else new.last_id end;
    new.written_in := pg_current_xact_id();
    return new;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function must_be_on_record() returns trigger language plpgsql as $$
declare
    head   audit_head;
    said   audit_log;
    was    jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
    select * into head from audit_head;
    if head.written_in = pg_current_xact_id() then
        perform from audit_log l, unnest(tg_argv) a where l.id between head.first_id and head.last_id and starts_with(l.action, a);
        if found then
            return null;
        end if;
    end if;
    select * into head from audit_head for update;
    if not found then
        raise exception 'rows of % change on record only', tg_table_name using errcode = 'insufficient_privilege';
    end if;
    said.id := head.last_id + 1;
    said.at := clock_timestamp();
    said.actor_id := 'database';
    said.actor_name := session_user;
    said.actor_role := 'database';
    said.address := coalesce(host(inet_client_addr()), '');
    said.user_agent := current_setting('application_name');
    said.action := 'database.write';
    said.target := tg_table_name;
    said.outcome := 'allowed';
    said.security := true;
    said.organization := '';
    said.session := '';
    said.token := '';
    said.request_id := '';
    said.wedding := '';
    said.point := '';
    said.duration_ms := 0;
    said.detail := jsonb_strip_nulls(jsonb_build_object('did', lower(tg_op), 'row', coalesce(becomes, was) ->> 'id', 'account', coalesce(becomes, was) ->> 'account_id',
        'email', coalesce(becomes, was) ->> 'email', 'columns', (select jsonb_agg(key order by key) from jsonb_each(was) w where becomes -> key is distinct from value)))::json;
    said.prev_hash := head.hash;
    said.hash := audit_hash(said);
    insert into audit_log select (said).*;
    update audit_head set last_id = said.id, hash = said.hash;
    return null;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function audit_log_follows() returns trigger language plpgsql as $$
begin
    perform from audit_head h where new.id = h.last_id + 1 and new.prev_hash = h.hash;
    if not found then
        raise exception 'an entry of the audit trail follows the last one' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function backup_operations_guard() returns trigger language plpgsql as $$
begin
    if old.state in ('done', 'failed', 'cancelled') and new.state <> old.state then
        raise exception 'operation % has ended as % and stays so', old.id, old.state using errcode = 'check_violation';
    end if;
    if new.fence < old.fence or new.last_event_id < old.last_event_id then
        raise exception 'fence and event ids of operation % only grow', old.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
drop function audit_open_end(), audit_entry_of_the_database(text, text, text, jsonb), written_because(text, text), approval_is_on_record(), alert_places_guard(), uses_within_an_hour(timestamptz[]);
-- +goose StatementBegin
do $$ begin
    execute format('alter function must_be_on_record() set search_path = %I, pg_temp', current_schema());
    execute format('alter function audit_log_follows() set search_path = %I, pg_temp', current_schema());
end $$;
-- +goose StatementEnd
alter function audit_hash(audit_log) reset search_path;
alter function restores_alone(double precision) reset search_path;
delete from settings where name = 'audit_verdict'; -- nobody of before opens it
