-- The words of an entry are written by whoever records it, folded like every other search: accents do not keep an entry from being found. The database finds the
-- words of what it says itself, which is ASCII but for what others have named.
-- +goose Up

-- With the parts of words that dashes join.
-- +goose StatementBegin
create or replace function audit_words_of(said text) returns setof text language sql immutable as $$
    select distinct left(btrim(w, '.-_'), 64)
    from (select regexp_split_to_table(lower(said), '[^[:alnum:]._-]+') union all select regexp_split_to_table(lower(said), '[^[:alnum:]._]+')) s (w)
    where btrim(w, '.-_') <> ''
$$;
-- +goose StatementEnd
drop trigger audit_log_index_words on audit_log;
-- +goose StatementBegin
create or replace function audit_log_index_words() returns trigger language plpgsql as $$
begin
    insert into audit_words (word, id, organization)
    select w, new.id, new.organization
    from audit_words_of(concat_ws(' ', new.actor_name, new.address, new.action, replace(new.action, '.', ' '), new.target,
        (select string_agg(value, ' ') from json_each_text(new.detail)))) w
    limit 100;
    return null;
end $$;
-- +goose StatementEnd
create trigger audit_log_index_words after insert on audit_log
    for each row when (new.actor_role = 'database') execute function audit_log_index_words();

-- +goose Down
drop trigger audit_log_index_words on audit_log;
-- +goose StatementBegin
create or replace function audit_words_of(said text) returns setof text language sql immutable as $$
    select distinct left(btrim(w, '.-_'), 64) from regexp_split_to_table(lower(said), '[^[:alnum:]._-]+') w where btrim(w, '.-_') <> ''
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function audit_log_index_words() returns trigger language plpgsql as $$
begin
    insert into audit_words (word, id, organization)
    select w, l.id, l.organization
    from added l, lateral (
        select w from audit_words_of(concat_ws(' ', l.actor_name, l.address, l.action, replace(l.action, '.', ' '), l.target, l.wedding, l.point, l.request_id,
            (select string_agg(value, ' ') from json_each_text(l.detail)))) w limit 100) words
    on conflict do nothing;
    return null;
end $$;
-- +goose StatementEnd
create trigger audit_log_index_words after insert on audit_log referencing new table as added
    for each statement execute function audit_log_index_words();
