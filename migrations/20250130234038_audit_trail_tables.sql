-- The audit trail: every attempt, allowed or refused.
-- Rows are chained by SHA-256 and can be neither changed nor removed.
-- +goose Up

create table audit_log (
    id           bigint not null, -- the chain makes it unique
    at           timestamptz not null,
    actor_id     text not null,
    actor_name   text not null,
    actor_role   text not null,
    organization text not null,
    session      text not null,
    address      text not null,
    user_agent   text not null,
    action       text not null,
    target       text not null,
    outcome      text not null,
    detail       json not null, -- json, not jsonb: the hash covers the very text
    prev_hash    bytea not null,
    hash         bytea not null,
    token        text not null default '', -- id of the API token that acted; session is empty then
    request_id   text not null default '',
    wedding      text not null default '',
    point        text not null default '',
    duration_ms  bigint not null default 0,
    security     boolean not null default false,
    platform     text not null default '', -- whose the organization is
    primary key (id, at),
    constraint audit_log_id_is_positive check (id > 0),
    constraint audit_log_outcome_is_known check (outcome in ('allowed', 'refused', 'failed')),
    constraint audit_log_duration_is_not_negative check (duration_ms >= 0),
    constraint audit_log_hashes_are_sha256 check (length(prev_hash) = 32 and length(hash) = 32)
) partition by range (at);
-- Each filter of the page has its index, newest first.
create index audit_log_by_time on audit_log (at desc, id desc);
create index audit_log_by_target on audit_log (target, id desc);
create index audit_log_by_organization on audit_log (platform, organization, id desc) where organization <> '';
create index audit_log_by_actor on audit_log (actor_name, id desc);
create index audit_log_by_action on audit_log (action, id desc);
create index audit_log_by_outcome on audit_log (outcome, id desc) where outcome <> 'allowed';
create index audit_log_by_security on audit_log (id desc) where security;
create index audit_log_by_wedding on audit_log (wedding, id desc) where wedding <> '';
create index audit_log_by_point on audit_log (point, id desc) where point <> '';
create index audit_log_sign_ins on audit_log (actor_id, id desc) where action = 'session.start' and outcome = 'allowed';
alter table audit_log enable row level security, force row level security;
create policy audit_log_read on audit_log for select
    using ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()));
create policy audit_log_append on audit_log for insert with check (keepsake_is_someone());

-- The end of the trail, and its name, from which its first hash comes:
-- a console database that is made anew begins another trail,
-- and whoever puts one in the place of a trail is noticed by it.
-- Locking this one row orders the writers; an actor who sees only some rows can still chain to the last.
create table audit_head (
    is_head    boolean primary key default true,
    last_id    bigint not null,
    hash       bytea not null,
    trail      uuid not null default gen_random_uuid(),
    written_in xid8, -- the transaction that wrote the last entry, and the first of its entries
    first_id   bigint not null default 0,
    constraint audit_head_is_one_row check (is_head),
    constraint audit_head_hash_is_sha256 check (length(hash) = 32)
);
insert into audit_head (last_id, hash, trail)
select 0, sha256(convert_to('keepsake audit v1 ' || trail, 'UTF8')), trail
from gen_random_uuid() trail;
alter table audit_head enable row level security, force row level security;
create policy audit_head_read on audit_head for select using (keepsake_is_someone());
create policy audit_head_advance on audit_head
    for update
    using (keepsake_is_someone())
    with check (keepsake_is_someone());
create policy audit_head_anew on audit_head for insert with check (keepsake_is_system());

-- The words that an entry is found by. A full-text index would not be used:
-- PostgreSQL applies row-level security before any operator that could leak, and its text search is of that kind.
-- Comparing words is not.
-- Whoever records an entry writes its words, folded like every other search.
create table audit_words (
    word         text collate "C" not null,
    id           bigint not null,
    organization text not null,
    at           timestamptz not null default now(), -- of the entry
    platform     text not null default '',
    primary key (word, id, at),
    constraint audit_words_word_is_one check (length(word) between 1 and 64)
) partition by range (at);
alter table audit_words enable row level security, force row level security;
create policy audit_words_read on audit_words for select
    using ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()));
create policy audit_words_append on audit_words for insert with check (keepsake_is_someone());

-- +goose StatementBegin
create function audit_log_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
create trigger audit_log_append_only before update or delete or truncate on audit_log
    for each statement execute function audit_log_append_only();
create trigger audit_words_append_only before update or delete or truncate on audit_words
    for each statement execute function audit_log_append_only();
create trigger audit_head_stays before delete or truncate on audit_head
    for each statement execute function audit_log_append_only();

-- The hash of a row, by its definition in internal/audit.
-- +goose StatementBegin
create function audit_field(b bytea) returns bytea language sql immutable as $$
    select int8send(length(b)::bigint) || b
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create function audit_hash(l audit_log) returns bytea language sql immutable as $$
    select sha256(audit_field(l.prev_hash) || audit_field(int8send(l.id))
        || audit_field(int8send((extract(epoch from l.at) * 1000000)::bigint))
        || (select string_agg(audit_field(convert_to(f, 'UTF8')), ''::bytea order by n)
            from unnest(array[l.actor_id, l.actor_name, l.actor_role, l.platform, l.organization, l.session, l.token,
                l.address, l.user_agent, l.request_id, l.action, l.target, l.wedding, l.point,
                l.outcome]) with ordinality u(f, n))
        || audit_field(int8send(l.duration_ms)) || audit_field(int8send(l.security::int::bigint))
        || audit_field(convert_to(l.detail::text, 'UTF8')))
$$;
-- +goose StatementEnd

-- An entry that the database makes itself, without its place in the trail.
-- +goose StatementBegin
create function audit_entry_of_the_database(action text, target text, outcome text, detail jsonb) returns audit_log
language plpgsql as $$
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
    said.platform := '';
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

-- Opens the end of the trail for an entry: locks it and says what it is, and when it is by this clock.
-- An end that does not name the newest entry, or is not there, was changed by somebody who owns the tables.
-- It is put where the newest entry is, with an entry that says so:
-- the trail goes on, and verification names the section.
-- It belongs to the owner because only the owner may make the row anew;
-- for an end that is as it should be it changes nothing.
-- +goose StatementBegin
create function audit_open_end(out last_id bigint, out hash bytea, out at timestamptz)
language plpgsql security definer as $$
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
        wrong := format('the trail ended with row %s by its end, and with row %s by its rows%s',
            head.last_id, newest.id,
            case when head.last_id = newest.id then ', which was another' else '' end);
    end if;
    if wrong is not null then
        update audit_head h set last_id = newest.id, hash = newest.hash;
        said := audit_entry_of_the_database('audit.section', 'row ' || newest.id, 'failed',
            jsonb_build_object('problem', wrong, 'end', encode(head.hash, 'hex')));
        said.id := newest.id + 1;
        said.prev_hash := newest.hash;
        said.hash := audit_hash(said);
        insert into audit_log select (said).*;
        update audit_head h set last_id = said.id, hash = said.hash;
        select said.id as id, said.hash as hash into newest;
    end if;
    last_id := newest.id;
    hash := newest.hash;
    at := clock_timestamp();
    perform set_config('keepsake.role', was, true);
end $$;
-- +goose StatementEnd

-- The end names the newest entry and keeps its name: whoever may write it can move it nowhere else.
-- +goose StatementBegin
create function audit_head_grows() returns trigger language plpgsql as $$
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
create trigger audit_head_grows before update on audit_head for each row execute function audit_head_grows();

-- An entry follows the last one, whoever writes it:
-- nobody can put one beside the chain, behind which nothing could be appended any more.
-- An entry carries its own hash, is of now and of a size that anybody can show,
-- and what is a security event is marked as one (Security in internal/audit says what is), or it would alert nobody.
-- That a new section begins is for the owner's function to say.
-- +goose StatementBegin
create function audit_log_follows() returns trigger language plpgsql as $$
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
    if octet_length(new.detail::text) > 1048576
        or 600 < any (array[
            octet_length(new.actor_id), octet_length(new.actor_name), octet_length(new.actor_role),
            octet_length(new.platform), octet_length(new.organization), octet_length(new.session),
            octet_length(new.token), octet_length(new.address), octet_length(new.user_agent),
            octet_length(new.request_id), octet_length(new.action), octet_length(new.target),
            octet_length(new.wedding), octet_length(new.point)]) then
        raise exception 'an entry of the audit trail is no longer than anybody reads'
            using errcode = 'insufficient_privilege';
    end if;
    if new.hash is distinct from audit_hash(new) then
        raise exception 'an entry of the audit trail carries its own hash' using errcode = 'insufficient_privilege';
    end if;
    if new.action = 'audit.section'
        and current_user <> (select pg_get_userbyid(c.relowner) from pg_class c where c.oid = tg_relid) then
        raise exception 'the database says itself where a section of the audit trail begins'
            using errcode = 'insufficient_privilege';
    end if;
    if not new.security and (code <> 'proof' or new.outcome = 'allowed') and (
        new.action similar to '(account|approval|second_step|key|slot|settings|database).%'
            '|token.(create|revoke)%|audit.(begin|broken|section)%'
        or new.outcome <> 'allowed'
            and (new.action <> 'session.use' and new.action similar to '(session|token).%'
                or code in ('forbidden', 'limited'))) then
        raise exception 'this is a security event' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger audit_log_follows before insert on audit_log for each row execute function audit_log_follows();

-- The trail ends with its newest entry.
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
create constraint trigger audit_log_is_counted after insert on audit_log deferrable initially deferred
    for each row execute function audit_log_is_counted();

-- The database finds the words of what it says itself, which is ASCII but for what others have named:
-- with the parts of words that dashes join.
-- +goose StatementBegin
create function audit_words_of(said text) returns setof text language sql immutable as $$
    select distinct left(btrim(w, '.-_'), 64)
    from (select regexp_split_to_table(lower(said), '[^[:alnum:]._-]+')
        union all select regexp_split_to_table(lower(said), '[^[:alnum:]._]+')) s (w)
    where btrim(w, '.-_') <> ''
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create function audit_log_index_words() returns trigger language plpgsql as $$
begin
    insert into audit_words (word, id, platform, organization, at)
    select w, new.id, new.platform, new.organization, new.at
    from audit_words_of(concat_ws(' ', new.actor_name, new.address, new.action, replace(new.action, '.', ' '),
        new.target,
        (select string_agg(value, ' ') from json_each_text(new.detail)))) w
    limit 100
    on conflict do nothing; -- with words that somebody left at this number
    return null;
end $$;
-- +goose StatementEnd
create trigger audit_log_index_words after insert on audit_log
    for each row when (new.actor_role = 'database') execute function audit_log_index_words();

-- A temporary table of whoever is connected must not stand in the place of the trail.
-- +goose StatementBegin
do $$
declare
    f text;
begin
    foreach f in array array['audit_hash(audit_log)', 'audit_entry_of_the_database(text, text, text, jsonb)',
        'audit_open_end()', 'audit_head_grows()',
        'audit_log_follows()', 'audit_log_is_counted()'] loop
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
    end loop;
end $$;
-- +goose StatementEnd
-- who holds the end of the trail keeps nobody waiting for longer
alter function audit_open_end() set lock_timeout = '2s';

-- +goose Down
drop table audit_words, audit_head, audit_log cascade; -- with what takes a row of the trail
drop function audit_log_index_words(), audit_words_of(text), audit_log_is_counted(), audit_log_follows(),
    audit_head_grows(), audit_open_end(), audit_field(bytea), audit_log_append_only();
