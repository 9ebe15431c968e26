-- The audit trail: every attempt, allowed or refused. Rows are chained by SHA-256 and can be neither changed nor removed.
-- +goose Up

create table audit_log (
    id           bigint primary key,
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
    constraint audit_log_hash_is_unique unique (hash),
    constraint audit_log_id_is_positive check (id > 0),
    constraint audit_log_outcome_is_known check (outcome in ('allowed', 'refused', 'failed')),
    constraint audit_log_hashes_are_sha256 check (length(prev_hash) = 32 and length(hash) = 32)
);
create index audit_log_by_time on audit_log (at desc, id desc);
create index audit_log_by_target on audit_log (target, id desc);

-- The end of the chain. Locking this one row orders the writers; an actor who sees only some rows can still chain to the last.
create table audit_head (
    is_head boolean primary key default true,
    last_id bigint not null,
    hash    bytea not null,
    constraint audit_head_is_one_row check (is_head),
    constraint audit_head_hash_is_sha256 check (length(hash) = 32)
);
insert into audit_head (last_id, hash) values (0, sha256('keepsake audit v1'));

-- +goose StatementBegin
create function audit_log_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
create trigger audit_log_append_only before update or delete or truncate on audit_log
    for each statement execute function audit_log_append_only();
create trigger audit_head_stays before delete or truncate on audit_head
    for each statement execute function audit_log_append_only();

-- +goose StatementBegin
create function audit_head_grows() returns trigger language plpgsql as $$
begin
    if new.last_id <> old.last_id + 1 then
        raise exception 'the audit trail grows by one row at a time' using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger audit_head_grows before update on audit_head for each row execute function audit_head_grows();

alter table audit_log enable row level security, force row level security;
create policy audit_log_read on audit_log for select using (keepsake_sees(organization));
create policy audit_log_append on audit_log for insert with check (keepsake_is_someone());
alter table audit_head enable row level security, force row level security;
create policy audit_head_read on audit_head for select using (keepsake_is_someone());
create policy audit_head_advance on audit_head for update using (keepsake_is_someone()) with check (keepsake_is_someone());

-- +goose Down
drop table audit_head, audit_log;
drop function audit_head_grows(), audit_log_append_only();
