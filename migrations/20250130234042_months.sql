-- What grows is kept by month: an operation's log, the audit trail and its words.
-- A table has a partition for each month, one for all before them,
-- and one for whatever comes later, so that no row ever lacks a place.
-- +goose Up

-- Makes a table's partitions up to the month of a moment, and returns how many it made.
-- It belongs to the owner, because nobody else may make tables.
-- What lies in the partition for later, because nobody made months in time, stays there:
-- it becomes the partition of those months.
-- +goose StatementBegin
create function keep_months(parent text, until timestamptz) returns integer language plpgsql security definer as $$
declare
    first  timestamptz;
    last   timestamptz;
    newest timestamptz;
    late   text;
    made   integer := 0;
begin
    if parent not in ('operation_events', 'audit_log', 'audit_words') or not keepsake_is_system() then
        raise exception '% is not kept by month, or not by you', parent using errcode = 'insufficient_privilege';
    end if;
    if until > clock_timestamp() + interval '5 years' then
        raise exception 'months are made for five years ahead at most' using errcode = 'check_violation';
    end if;
    select max(end_of_month(c.relname)) into first
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = parent::regclass;
    if first > until then
        return 0;
    end if;
    -- In the order in which everybody else takes them.
    if parent = 'operation_events' then
        lock table backup_operations in share row exclusive mode;
    end if;
    execute format('lock table %I in access exclusive mode', parent);
    select max(end_of_month(c.relname)) into first
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = parent::regclass;
    if first is null then
        first := date_trunc('month', clock_timestamp(), 'UTC');
        perform make_months(parent, 'before', 'minvalue', month_begins(parent, first));
    else
        -- By way of the table: row-level security shows nobody what is in a partition, not even its owner.
        if parent = 'operation_events' then
            execute format('select moment_of(operation_id) from %I where operation_id >= %s'
                ' order by operation_id desc limit 1',
                parent, month_begins(parent, first)) into newest;
        else
            execute format('select max(at) from %I where at >= %s', parent, month_begins(parent, first)) into newest;
        end if;
        if newest is null then
            execute format('drop table %I', parent || '_later');
        else
            last := date_trunc('month', greatest(newest, clock_timestamp()), 'UTC');
            execute format('alter table %I detach partition %I', parent, parent || '_later');
            late := parent || to_char(first at time zone 'UTC', '_YYYY_MM_')
                || to_char(last at time zone 'UTC', 'YYYY_MM');
            last := end_of_month(late);
            execute format('alter table %I rename to %I', parent || '_later', late);
            execute format('alter table %I attach partition %I for values from (%s) to (%s)',
                parent, late, month_begins(parent, first), month_begins(parent, last));
            first := last;
            made := made + 1;
        end if;
    end if;
    while first <= until loop
        last := end_of_month(parent || to_char(first at time zone 'UTC', '_YYYY_MM'));
        perform make_months(parent, to_char(first at time zone 'UTC', 'YYYY_MM'), month_begins(parent, first),
            month_begins(parent, last));
        first := last;
        made := made + 1;
    end loop;
    perform make_months(parent, 'later', month_begins(parent, first), 'maxvalue');
    return made;
end $$;
-- +goose StatementEnd

-- Makes one partition. Whoever reaches for it by its own name finds nothing, and changes nothing of the trail.
-- +goose StatementBegin
create function make_months(parent text, name text, from_value text, to_value text) returns void language plpgsql as $$
begin
    execute format('create table %I partition of %I for values from (%s) to (%s)', parent || '_' || name, parent,
        from_value, to_value);
    execute format('alter table %I enable row level security, force row level security', parent || '_' || name);
    if parent <> 'operation_events' then
        execute format('create trigger %I before update or delete or truncate on %I'
            ' for each statement execute function audit_log_append_only()',
            parent || '_append_only', parent || '_' || name);
    end if;
end $$;
-- +goose StatementEnd

-- The end of the last month that a partition's name says: null of those before and later.
-- +goose StatementBegin
create function end_of_month(partition text) returns timestamptz language sql immutable as $$
    select (make_date(m[1]::int, m[2]::int, 1) + interval '1 month') at time zone 'UTC'
    from regexp_match(partition, '_(\d{4})_(\d{2})$') m
$$;
-- +goose StatementEnd

-- The bound of a month, as a literal: a moment, or the smallest UUIDv7 of it.
-- +goose StatementBegin
create function month_begins(parent text, month timestamptz) returns text language sql immutable as $$
    select quote_literal(case parent
        when 'operation_events' then substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-0000-0000-000000000000'
        else month::text end)
    from (select lpad(to_hex((extract(epoch from month) * 1000)::bigint), 12, '0') as h) x
$$;
-- +goose StatementEnd

-- The moment that a UUIDv7 begins with.
-- +goose StatementBegin
create function moment_of(id uuid) returns timestamptz language sql immutable as $$
    select to_timestamp(('x0000' || substr(replace(id::text, '-', ''), 1, 12))::bit(64)::bigint / 1000.0)
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
    f text;
begin
    foreach f in array array['keep_months(text, timestamptz)', 'make_months(text, text, text, text)',
        'end_of_month(text)',
        'month_begins(text, timestamptz)', 'moment_of(uuid)'] loop
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
    end loop;
end $$;
-- +goose StatementEnd
alter function keep_months(text, timestamptz) set lock_timeout = '5s'; -- whoever waits behind it waits no longer
alter function keep_months(text, timestamptz) set timezone = 'UTC';

-- +goose StatementBegin
do $$ begin
    perform set_config('keepsake.role', 'system', true);
    perform keep_months(t, clock_timestamp() + interval '3 months')
    from unnest(array['operation_events', 'audit_log', 'audit_words']) t;
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
declare
    p text;
begin
    for p in select i.inhrelid::regclass::text from pg_inherits i
        where i.inhparent in ('operation_events'::regclass, 'audit_log'::regclass, 'audit_words'::regclass) loop
        execute 'drop table ' || p;
    end loop;
end $$;
-- +goose StatementEnd
drop function keep_months(text, timestamptz), make_months(text, text, text, text), end_of_month(text),
    month_begins(text, timestamptz), moment_of(uuid);
