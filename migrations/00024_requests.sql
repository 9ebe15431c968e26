-- What comes often is on record once an hour: a token or a session that is over, and requests of nobody. A session that is used from another
-- address than before is on record too, so the last one is kept.
-- +goose Up

alter table sign_in_throttles drop constraint sign_in_throttles_kind_is_known;
update sign_in_throttles set kind = 'hourly' where kind = 'token';
alter table sign_in_throttles add constraint sign_in_throttles_kind_is_known check (kind in ('account', 'address', 'hourly'));

alter table sessions add column last_address text not null default '';
update sessions set last_address = address;

-- +goose Down
alter table sessions drop column last_address;
alter table sign_in_throttles drop constraint sign_in_throttles_kind_is_known;
update sign_in_throttles set kind = 'token' where kind = 'hourly';
alter table sign_in_throttles add constraint sign_in_throttles_kind_is_known check (kind in ('account', 'address', 'token'));
