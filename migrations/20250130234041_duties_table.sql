-- Duties: what happens without being asked for.
-- One row for each, so that what was missed while nothing ran is done once, at the next start.
-- +goose Up

create table duties (
    name         text primary key,
    next_at      timestamptz not null default now(), -- when one holder does it; nothing where each process does
    -- Who does it now.
    -- There is no time in this lease, because a clock that jumps would end it: the holder counts its beats up,
    -- and who sees them stand still for long enough,
    -- by a clock of its own that only runs forward, takes it over with the next fence.
    holder       text not null default '',
    fence        bigint not null default 0,
    beats        bigint not null default 0,
    last_started timestamptz,
    last_ended   timestamptz,
    outcome      text not null default '', -- of the last run that ended
    message      text not null default '', -- why it failed
    constraint duties_outcome_is_known check (outcome in ('', 'done', 'failed')),
    constraint duties_outcome_iff_ended check ((outcome = '') = (last_ended is null)),
    constraint duties_message_iff_failed check ((outcome = 'failed') = (message <> '')),
    constraint duties_holder_began check (holder = '' or last_started is not null)
);
alter table duties enable row level security, force row level security;
-- A message may be about anybody's data. Who may read it is judged by the use case, which reads as the system.
create policy duties_system on duties using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table duties;
