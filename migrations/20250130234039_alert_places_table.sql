-- Up to which audit row each place has been alerted.
-- A worker that sends holds the lease, and moves on only when the place has it.
-- +goose Up

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

-- How far people have been alerted, and that they are: nobody is told of what is not there yet, or much later.
-- +goose StatementBegin
create function alert_places_guard() returns trigger language plpgsql as $$
begin
    if new.last_id > (select h.last_id from audit_head h) then
        raise exception 'a place was told of nothing beyond the end of the audit trail'
            using errcode = 'check_violation';
    end if;
    if new.next_at > clock_timestamp() + interval '15 minutes'
        or new.leased_until > clock_timestamp() + interval '5 minutes' then
        raise exception 'alerts are not put off for so long' using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger alert_places_guard before insert or update on alert_places
    for each row execute function alert_places_guard();
-- A temporary table of whoever is connected must not stand in the place of the trail.
-- +goose StatementBegin
do $$ begin
    execute format('alter function alert_places_guard() set search_path = %I, pg_temp', current_schema());
end $$;
-- +goose StatementEnd

-- +goose Down
drop table alert_places;
drop function alert_places_guard();
