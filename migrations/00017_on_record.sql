-- What decides who gets in, and what is run, changes on record only: a transaction that changes it and says nothing in the audit trail is put on
-- record by the database itself, when it commits.
-- +goose Up

-- Which transaction wrote the last row of the trail, and the first of its rows.
alter table audit_head add column written_in xid8, add column first_id bigint not null default 0;

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

-- The hash of a row, by its definition in internal/audit.
-- +goose StatementBegin
create function audit_field(b bytea) returns bytea language sql immutable as $$ select int8send(length(b)::bigint) || b $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function audit_hash(l audit_log) returns bytea language sql immutable as $$
    select sha256(audit_field(l.prev_hash) || audit_field(int8send(l.id)) || audit_field(int8send((extract(epoch from l.at) * 1000000)::bigint))
        || (select string_agg(audit_field(convert_to(f, 'UTF8')), ''::bytea order by n)
            from unnest(array[l.actor_id, l.actor_name, l.actor_role, l.organization, l.session, l.token, l.address, l.user_agent,
                l.request_id, l.action, l.target, l.wedding, l.point, l.outcome]) with ordinality u(f, n))
        || audit_field(int8send(l.duration_ms)) || audit_field(int8send(l.security::int::bigint)) || audit_field(convert_to(l.detail::text, 'UTF8')))
$$;
-- +goose StatementEnd

-- Its arguments are how the actions begin that say why such a row changed. What the row holds goes nowhere but its id, its e-mail address and the names
-- of the columns that changed.
-- +goose StatementBegin
create function must_be_on_record() returns trigger language plpgsql as $$
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
-- A temporary table of whoever is connected must not stand in the place of the trail.
-- +goose StatementBegin
do $$ begin
    execute format('alter function must_be_on_record() set search_path = %I, pg_temp', current_schema());
end $$;
-- +goose StatementEnd

create constraint trigger accounts_on_record after insert or delete on accounts deferrable initially deferred
    for each row execute function must_be_on_record('account.');
create constraint trigger accounts_change_on_record after update on accounts deferrable initially deferred
    for each row when ((old.email, old.password_hash, old.role, old.organization, old.kind, old.subject) is distinct from (new.email, new.password_hash, new.role, new.organization, new.kind, new.subject)
        or old.disabled_at is distinct from new.disabled_at)
    execute function must_be_on_record('account.', 'session.end');

create constraint trigger sessions_on_record after insert on sessions deferrable initially deferred
    for each row execute function must_be_on_record('session.start');
create constraint trigger sessions_change_on_record after update on sessions deferrable initially deferred
    for each row when ((old.token_hash, old.account_id, old.expires_at, old.proven_at) is distinct from (new.token_hash, new.account_id, new.expires_at, new.proven_at)
        or old.ended_at is not null and new.ended_at is null)
    execute function must_be_on_record('session.prove');

create constraint trigger api_tokens_on_record after insert on api_tokens deferrable initially deferred
    for each row execute function must_be_on_record('token.create');
create constraint trigger api_tokens_change_on_record after update on api_tokens deferrable initially deferred
    for each row when ((old.token_hash, old.account_id, old.permissions, old.expires_at) is distinct from (new.token_hash, new.account_id, new.permissions, new.expires_at)
        or old.revoked_at is distinct from new.revoked_at)
    execute function must_be_on_record('token.', 'account.close');

create constraint trigger second_steps_on_record after insert or delete on second_steps deferrable initially deferred
    for each row execute function must_be_on_record('second_step.');
create constraint trigger second_steps_change_on_record after update on second_steps deferrable initially deferred
    for each row when ((old.account_id, old.secret, old.confirmed_at) is distinct from (new.account_id, new.secret, new.confirmed_at) or new.last_step < old.last_step)
    execute function must_be_on_record('second_step.');

create constraint trigger recovery_codes_on_record after insert or delete on recovery_codes deferrable initially deferred
    for each row execute function must_be_on_record('second_step.');
create constraint trigger recovery_codes_change_on_record after update on recovery_codes deferrable initially deferred
    for each row when ((old.account_id, old.code_hash) is distinct from (new.account_id, new.code_hash) or old.used_at is distinct from new.used_at)
    execute function must_be_on_record('second_step.');

create constraint trigger backup_operations_on_record after insert on backup_operations deferrable initially deferred
    for each row execute function must_be_on_record('backup.', 'verify.', 'restore.', 'scope.', 'approval.');
create constraint trigger backup_operations_change_on_record after update on backup_operations deferrable initially deferred
    for each row when ((old.kind, old.organization, old.target, old.target_database, old.tiers, old.scope, old.requested_by, old.approved_by)
        is distinct from (new.kind, new.organization, new.target, new.target_database, new.tiers, new.scope, new.requested_by, new.approved_by))
    execute function must_be_on_record('approval.');

-- +goose Down
drop trigger accounts_on_record on accounts;
drop trigger accounts_change_on_record on accounts;
drop trigger sessions_on_record on sessions;
drop trigger sessions_change_on_record on sessions;
drop trigger api_tokens_on_record on api_tokens;
drop trigger api_tokens_change_on_record on api_tokens;
drop trigger second_steps_on_record on second_steps;
drop trigger second_steps_change_on_record on second_steps;
drop trigger recovery_codes_on_record on recovery_codes;
drop trigger recovery_codes_change_on_record on recovery_codes;
drop trigger backup_operations_on_record on backup_operations;
drop trigger backup_operations_change_on_record on backup_operations;
drop function must_be_on_record(), audit_hash(audit_log), audit_field(bytea);
-- +goose StatementBegin
create or replace function audit_head_grows() returns trigger language plpgsql as $$
begin
    if new.last_id <> old.last_id + 1 then
        raise exception 'the audit trail grows by one row at a time' using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
alter table audit_head drop column written_in, drop column first_id;
