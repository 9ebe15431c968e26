-- name: KeepMonths :one
-- How many partitions it made.
select keep_months(@parent::text, @until::timestamptz)::int;
