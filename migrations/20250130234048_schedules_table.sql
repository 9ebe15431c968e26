-- What a platform's schedule has done: one row for each platform, so that of two processes that find a backup due
-- one begins it. When backups run is the configuration's, and when they were made the recovery points say.
-- +goose Up

create table schedules (
    platform   text primary key,
    turn       bigint not null default 0, -- whoever begins a backup counts it up
    operation  uuid,                      -- the backup that was begun last
    failures   int not null default 0,    -- how many failed in a row before that one
    newest     text not null default '',  -- the newest recovery point of every tier when it was begun
    days       jsonb not null default '{}', -- weddings of each day, as the platform said when it last answered
    counted_at timestamptz,
    next_at    timestamptz,               -- of the next backup, as whoever looked last reckoned it; null: never
    constraint schedules_platform_has_a_name check (platform <> ''),
    constraint schedules_failures_are_counted check (failures >= 0),
    constraint schedules_days_are_counted check (jsonb_typeof(days) = 'object')
);
alter table schedules enable row level security, force row level security;
-- Days of weddings are everybody's. Who may read them is judged by the use case, which reads as the system.
create policy schedules_system on schedules using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table schedules;
