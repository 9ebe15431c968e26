-- What was brought back within a window counts together, whoever may see it: who is bound to an organization sees only its operations, and what
-- they ask for counts with the others'.
-- +goose Up

-- Restores that began, or wait to, without anybody's approval. It reads as the system whoever asks; the console shows nobody its rows.
-- +goose StatementBegin
create function restores_alone(window_seconds double precision)
returns table (id uuid, kind text, state text, tiers text[], scope jsonb, requested_by text, requested_name text)
language plpgsql as $$
declare
    was text := coalesce(current_setting('keepsake.role', true), '');
begin
    perform set_config('keepsake.role', 'system', true);
    return query
        select o.id, o.kind, o.state, o.tiers, o.scope, o.requested_by, o.requested_name
        from backup_operations o
        where o.kind in ('restore', 'scoped') and o.approved_at is null and o.state <> 'proposed'
          and (o.state <> 'cancelled' or o.started_at is not null)
          and o.created_at > clock_timestamp() - make_interval(secs => window_seconds);
    perform set_config('keepsake.role', was, true);
end $$;
-- +goose StatementEnd
create index backup_operations_restores on backup_operations (created_at) where kind in ('restore', 'scoped');

-- +goose Down
drop index backup_operations_restores;
drop function restores_alone(double precision);
