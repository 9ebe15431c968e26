-- name: ListProviderStates :many
select * from provider_states where platform = @platform;

-- name: SetProviderCheck :exec
-- A check during which something else was seen of the provider,
-- such as that a backup failed there, says nothing against it.
insert into provider_states (platform, name, medium, region, offsite, checked_at, reachable, error, written_at)
values (@platform, @name, @medium, @region, @offsite, now(), @reachable, @error,
    case when @written::boolean then now() end)
on conflict (platform, name) do update
set medium = excluded.medium, region = excluded.region, offsite = excluded.offsite, checked_at = excluded.checked_at,
    reachable = excluded.reachable, error = excluded.error,
    written_at = coalesce(excluded.written_at, provider_states.written_at)
where provider_states.checked_at is not distinct from sqlc.narg(seen);

-- name: SetProviderSeen :exec
-- What an operation saw of a provider: whether it took and kept what was written.
update provider_states
set checked_at = now(), reachable = @error::text = '', error = @error,
    written_at = case when @error::text = '' then now() else written_at end
where platform = @platform and name = @name;

-- name: SetProviderPoints :exec
-- Recounts what is confirmed where, of a platform. It reads every recovery point: for workers, never for a page.
with ordered as (select name from provider_states where platform = @platform order by name for update)
update provider_states p
set points = coalesce(c.points, 0), last_point = coalesce(c.last_point, ''), last_confirmed_at = c.last_confirmed_at
from ordered q
left join (
    select k.copy ->> 'name' as name, count(*) as points,
        max(r.id) as last_point, (array_agg(r.taken_at order by r.id desc))[1] as last_confirmed_at
    from recovery_points r, jsonb_array_elements(r.copies) as k (copy)
    where r.platform = @platform and (k.copy ->> 'confirmed')::boolean
    group by 1
) c on c.name = q.name
where p.platform = @platform and p.name = q.name;
