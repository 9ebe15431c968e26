-- Why a recovery point may show damage rather than what the platform should hold, and what somebody said of it. The
-- repository says both. latest passes a suspect one by.
-- +goose Up
alter table recovery_points
    add column doubts  jsonb not null default '[]',
    add column trust   text not null default '',
    add column suspect boolean not null
        generated always as (trust = 'doubted' or trust = '' and doubts <> '[]') stored,
    add constraint recovery_points_trust_is_known check (trust in ('', 'accepted', 'doubted'));
create index recovery_points_suspect on recovery_points (platform, id desc) where suspect;

-- +goose Down
alter table recovery_points drop column suspect, drop column trust, drop column doubts;
