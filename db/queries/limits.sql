-- name: UseLimit :execrows
-- Counts one use, unless as many as there may be lie within the window.
-- Nobody else counts between looking and counting:
-- the row is locked, and looked at again when it was waited for. 0 rows: the limit is reached.
insert into rate_limits as l (actor_id, platform, kind, used_at)
values (@actor_id, @platform, @kind, array[clock_timestamp()])
on conflict (actor_id, platform, kind) do update
set used_at = array(
        select u
        from unnest(l.used_at) u
        where u > clock_timestamp() - make_interval(secs => @window_seconds::double precision)
        order by u) || clock_timestamp()
where (
    select count(*)
    from unnest(l.used_at) u
    where u > clock_timestamp() - make_interval(secs => @window_seconds::double precision)) < @most::int;

-- name: ListLimitUses :many
-- How long ago each use within the window was, the latest first.
select l.kind, extract(epoch from clock_timestamp() - u)::double precision as age_seconds
from rate_limits l, unnest(l.used_at) u
where l.actor_id = @actor_id
  and l.platform = @platform
  and u > clock_timestamp() - make_interval(secs => @window_seconds::double precision)
order by u desc;

-- name: DeleteOldLimits :execrows
delete from rate_limits l
where not exists (
    select from unnest(l.used_at) u
    where u > clock_timestamp() - make_interval(secs => @window_seconds::double precision));
