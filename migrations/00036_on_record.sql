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

-- An entry carries its own hash, and what is a security event is marked as one, or it would alert nobody.
-- +goose StatementBegin
create or replace function audit_log_follows() returns trigger language plpgsql as $$
begin
    perform from audit_head h where new.id = h.last_id + 1 and new.prev_hash = h.hash;
    if not found then
        raise exception 'an entry of the audit trail follows the last one' using errcode = 'insufficient_privilege';
    end if;
    if new.hash is distinct from audit_hash(new) then
        raise exception 'an entry of the audit trail carries its own hash' using errcode = 'insufficient_privilege';
    end if;
    if new.outcome = 'allowed' and not new.security and new.action similar to '(account|approval|second_step|key|slot|settings|database).%|token.create|token.revoke|audit.(begin|broken|section)' then
        raise exception 'this is a security event' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
-- +goose StatementEnd

-- As before, with {kind} in its arguments for the kind of the operation.
-- +goose StatementBegin
create or replace function must_be_on_record() returns trigger language plpgsql as $$
declare
    head    audit_head;
    said    audit_log;
    was     jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
    -- Moving on over entries that nobody is alerted of says nothing.
    if tg_table_name = 'alert_places' and tg_op = 'UPDATE' then
        perform from audit_log l where l.id > (was ->> 'last_id')::bigint and l.id <= (becomes ->> 'last_id')::bigint and (l.security or l.outcome = 'failed');
        if not found then
            return null;
        end if;
    end if;
    select * into head from audit_head;
    if head.written_in = pg_current_xact_id() then
        perform from audit_log l, unnest(tg_argv) a
        where l.id between head.first_id and head.last_id and starts_with(l.action, replace(a, '{kind}', coalesce(becomes ->> 'kind', '')));
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
        'row', coalesce(coalesce(becomes, was) ->> 'id', coalesce(becomes, was) ->> 'name', coalesce(becomes, was) ->> 'actor_id', coalesce(becomes, was) ->> 'wedding_id'),
        'account', coalesce(becomes, was) ->> 'account_id', 'email', coalesce(becomes, was) ->> 'email',
        'columns', (select jsonb_agg(key order by key) from jsonb_each(was) w where becomes -> key is distinct from value)));
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
    execute function must_be_on_record('{kind}.end', 'operation.cancel', 'approval.');
create constraint trigger backup_operations_notes_on_record after update on backup_operations deferrable initially deferred
    for each row when ((old.note, old.labels) is distinct from (new.note, new.labels)) execute function must_be_on_record('operation.note');
create constraint trigger backup_operations_stay_on_record after delete on backup_operations deferrable initially deferred
    for each row execute function must_be_on_record('operation.delete');
create constraint trigger operation_events_on_record after update or delete on operation_events deferrable initially deferred
    for each row execute function must_be_on_record('operation.delete');

-- What was proved of a recovery point, and how restores went.
create constraint trigger backup_tests_on_record after insert or update or delete on backup_tests deferrable initially deferred
    for each row execute function must_be_on_record('verify.', 'restore.');
create constraint trigger disaster_recovery_events_on_record after insert or update or delete on disaster_recovery_events deferrable initially deferred
    for each row execute function must_be_on_record('restore.', 'scoped.', 'operation.cancel');
create constraint trigger recovery_points_stay_on_record after delete on recovery_points deferrable initially deferred
    for each row execute function must_be_on_record('point.');
create constraint trigger recovery_points_marks_on_record after update on recovery_points deferrable initially deferred
    for each row when ((old.note, old.labels, old.locked) is distinct from (new.note, new.labels, new.locked)) execute function must_be_on_record('point.', 'backup.');
create constraint trigger wedding_milestones_on_record after insert or update or delete on wedding_milestones deferrable initially deferred
    for each row execute function must_be_on_record('milestone.');

-- Locks and limits. Failures of more than a day ago count no more.
create constraint trigger sign_in_throttles_on_record after update on sign_in_throttles deferrable initially deferred
    for each row when (old.kind <> 'hourly' and ((new.kind, new.subject) is distinct from (old.kind, old.subject) or new.locked_until < old.locked_until
        or new.failures < old.failures and old.last_failure_at > clock_timestamp() - interval '1 day'))
    execute function must_be_on_record('session.', 'account.', 'second_step.', 'token.');
create constraint trigger sign_in_throttles_stay_on_record after delete on sign_in_throttles deferrable initially deferred
    for each row when (old.kind <> 'hourly' and (old.locked_until > clock_timestamp() or old.last_failure_at > clock_timestamp() - interval '1 day'))
    execute function must_be_on_record('session.', 'account.', 'second_step.', 'token.');
-- A code that was used a moment ago would work again.
create constraint trigger used_codes_on_record after update or delete on used_codes deferrable initially deferred
    for each row when (old.used_at > clock_timestamp() - interval '5 minutes') execute function must_be_on_record('session.', 'second_step.');
-- +goose StatementBegin
create function uses_within_an_hour(used timestamptz[]) returns timestamptz[] language sql as
$$ select coalesce(array_agg(u), '{}') from unnest(used) u where u > clock_timestamp() - interval '1 hour' $$;
-- +goose StatementEnd
create constraint trigger rate_limits_on_record after update on rate_limits deferrable initially deferred
    for each row when ((new.actor_id, new.kind) is distinct from (old.actor_id, old.kind) or not uses_within_an_hour(old.used_at) <@ new.used_at)
    execute function must_be_on_record('limit.');
create constraint trigger rate_limits_stay_on_record after delete on rate_limits deferrable initially deferred
    for each row when (uses_within_an_hour(old.used_at) <> '{}') execute function must_be_on_record('limit.');

-- What the configuration was, and what cookies are sealed with. How the trail was found and which day was looked at last are a cache.
create constraint trigger settings_on_record after update or delete on settings deferrable initially deferred
    for each row when (old.name not in ('audit_verdict', 'milestones_seen')) execute function must_be_on_record('settings.');

-- How far people have been alerted, and that they are.
create constraint trigger alert_places_on_record after update on alert_places deferrable initially deferred
    for each row when (new.place <> old.place or new.last_id > old.last_id) execute function must_be_on_record('alert.');
create constraint trigger alert_places_stay_on_record after delete on alert_places deferrable initially deferred
    for each row execute function must_be_on_record('alert.');
alter table alert_places add constraint alert_places_is_not_put_off check (next_at < 'infinity' and leased_until < 'infinity');

-- A temporary table of whoever is connected must not stand in the place of the trail.
-- +goose StatementBegin
do $$
declare
    f text;
begin
    foreach f in array array['audit_open_end()', 'audit_entry_of_the_database(text, text, text, jsonb)', 'audit_head_grows()', 'audit_log_follows()', 'must_be_on_record()',
        'backup_operations_guard()', 'approval_is_on_record()', 'uses_within_an_hour(timestamptz[])', 'audit_hash(audit_log)', 'restores_alone(double precision)'] loop
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
    end loop;
end $$;
-- +goose StatementEnd

-- +goose Down
-- The way back is a restore of the console database, or another one that the repository fills.
select 1 / 0;
