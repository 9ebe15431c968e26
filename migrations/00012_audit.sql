-- What an audit row says beside who and what, search in the trail, the name of the trail that seals in the repository refer to, and
-- how far alerts have been sent.
-- +goose Up

alter table audit_log
    add column token       text not null default '', -- id of the API token that acted; session is empty then
    add column request_id  text not null default '',
    add column wedding     text not null default '',
    add column point       text not null default '',
    add column duration_ms bigint not null default 0,
    add column security    boolean not null default false,
    add constraint audit_log_duration_is_not_negative check (duration_ms >= 0);

-- A console database that is made anew begins another trail: whoever puts one in the place of a trail is noticed by its name.
alter table audit_head add column trail uuid not null default gen_random_uuid();

-- Rows from before have empty new columns, and the chain covers those too: it is computed once more, by its definition in internal/audit.
alter table audit_log disable trigger audit_log_append_only;
alter table audit_log no force row level security;
alter table audit_head disable trigger audit_head_grows;
alter table audit_head no force row level security;
-- +goose StatementBegin
create function audit_field(b bytea) returns bytea language sql immutable as $$ select int8send(length(b)::bigint) || b $$;
-- +goose StatementEnd
-- +goose StatementBegin
do $$
declare
    prev bytea;
    this bytea;
    l audit_log;
begin
    select sha256(convert_to('keepsake audit v1 ' || trail::text, 'UTF8')) into prev from audit_head;
    for l in select * from audit_log order by id loop
        this := sha256(audit_field(prev) || audit_field(int8send(l.id)) || audit_field(int8send((extract(epoch from l.at) * 1000000)::bigint))
            || (select string_agg(audit_field(convert_to(f, 'UTF8')), ''::bytea order by n)
                from unnest(array[l.actor_id, l.actor_name, l.actor_role, l.organization, l.session, l.token, l.address, l.user_agent,
                    l.request_id, l.action, l.target, l.wedding, l.point, l.outcome]) with ordinality u(f, n))
            || audit_field(int8send(l.duration_ms)) || audit_field(int8send(l.security::int::bigint)) || audit_field(convert_to(l.detail::text, 'UTF8')));
        update audit_log set prev_hash = prev, hash = this where id = l.id;
        prev := this;
    end loop;
    update audit_head set hash = prev;
end $$;
-- +goose StatementEnd
drop function audit_field(bytea);
alter table audit_log enable trigger audit_log_append_only;
alter table audit_log force row level security;
alter table audit_head enable trigger audit_head_grows;
alter table audit_head force row level security;

-- Each filter of the page has its index, newest first.
create index audit_log_by_actor on audit_log (actor_name, id desc);
create index audit_log_by_action on audit_log (action, id desc);
create index audit_log_by_outcome on audit_log (outcome, id desc) where outcome <> 'allowed';
create index audit_log_by_security on audit_log (id desc) where security;
create index audit_log_by_wedding on audit_log (wedding, id desc) where wedding <> '';
create index audit_log_by_point on audit_log (point, id desc) where point <> '';
create index audit_log_sign_ins on audit_log (actor_id, id desc) where action = 'session.start' and outcome = 'allowed';

-- The words of each row, for search. A full-text index would not be used: PostgreSQL applies row-level security before any operator that
-- could leak, and its text search is of that kind. Comparing words is not.
create table audit_words (
    word         text collate "C" not null,
    id           bigint not null,
    organization text not null,
    primary key (word, id),
    constraint audit_words_word_is_one check (length(word) between 1 and 64)
);
alter table audit_words enable row level security, force row level security;
create policy audit_words_read on audit_words for select using ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()));
create policy audit_words_append on audit_words for insert with check (keepsake_is_someone());
create trigger audit_words_append_only before update or delete or truncate on audit_words
    for each statement execute function audit_log_append_only();

-- Lower case, without what stands around words; ids, addresses and dates stay whole.
-- +goose StatementBegin
create function audit_words_of(said text) returns setof text language sql immutable as $$
    select distinct left(btrim(w, '.-_'), 64) from regexp_split_to_table(lower(said), '[^[:alnum:]._-]+') w where btrim(w, '.-_') <> ''
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create function audit_log_index_words() returns trigger language plpgsql as $$
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

-- Up to which audit row each place has been alerted. A worker that sends holds the lease, and moves on only when the place has it.
create table alert_places (
    place        bytea primary key, -- SHA-256 of the address, which holds a secret
    last_id      bigint not null,
    leased_until timestamptz not null,
    next_at      timestamptz not null,
    failures     integer not null default 0,
    constraint alert_places_place_is_sha256 check (length(place) = 32)
);
alter table alert_places enable row level security, force row level security;
create policy alert_places_system on alert_places using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table alert_places;
drop trigger audit_log_index_words on audit_log;
drop function audit_log_index_words();
drop table audit_words;
drop function audit_words_of(text);
drop index audit_log_by_actor, audit_log_by_action, audit_log_by_outcome, audit_log_by_security, audit_log_by_wedding, audit_log_by_point, audit_log_sign_ins;
alter table audit_head drop column trail;
alter table audit_log drop column token, drop column request_id, drop column wedding, drop column point, drop column duration_ms, drop column security;
