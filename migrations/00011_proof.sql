-- When the person of a session last gave a password: restores ask for it again after a while.
-- +goose Up

alter table sessions add column proven_at timestamptz not null default now();
alter table sessions drop constraint sessions_end_is_known;
alter table sessions add constraint sessions_end_is_known check (end_reason in ('signed_out', 'replaced', 'revoked', 'ended_elsewhere'));

-- +goose Down
update sessions set end_reason = 'revoked' where end_reason = 'ended_elsewhere';
alter table sessions drop constraint sessions_end_is_known;
alter table sessions add constraint sessions_end_is_known check (end_reason in ('signed_out', 'replaced', 'revoked'));
alter table sessions drop column proven_at;
