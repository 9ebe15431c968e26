-- An entry of the audit trail follows the last one, whoever writes it, and the trail ends with it: nobody can put one beside the chain, behind which nothing
-- could be appended any more.
-- +goose Up

-- +goose StatementBegin
create function audit_log_follows() returns trigger language plpgsql as $$
begin
    perform from audit_head h where new.id = h.last_id + 1 and new.prev_hash = h.hash;
    if not found then
        raise exception 'an entry of the audit trail follows the last one' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function audit_log_is_counted() returns trigger language plpgsql as $$
begin
    perform from audit_head h where new.id <= h.last_id;
    if not found then
        raise exception 'the audit trail ends with its last entry' using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
-- +goose StatementEnd
-- A temporary table of whoever is connected must not stand in the place of the trail.
-- +goose StatementBegin
do $$ begin
    execute format('alter function audit_log_follows() set search_path = %I, pg_temp', current_schema());
    execute format('alter function audit_log_is_counted() set search_path = %I, pg_temp', current_schema());
end $$;
-- +goose StatementEnd
create trigger audit_log_follows before insert on audit_log for each row execute function audit_log_follows();
create constraint trigger audit_log_is_counted after insert on audit_log deferrable initially deferred for each row execute function audit_log_is_counted();

-- +goose Down
drop trigger audit_log_is_counted on audit_log;
drop trigger audit_log_follows on audit_log;
drop function audit_log_is_counted(), audit_log_follows();
