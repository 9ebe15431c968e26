-- Tokens that are refused are on record: each of them, and all that nobody knows from one address, once an hour.
-- +goose Up

alter table sign_in_throttles drop constraint sign_in_throttles_kind_is_known;
alter table sign_in_throttles add constraint sign_in_throttles_kind_is_known check (kind in ('account', 'address', 'token'));

-- +goose Down
delete from sign_in_throttles where kind = 'token';
alter table sign_in_throttles drop constraint sign_in_throttles_kind_is_known;
alter table sign_in_throttles add constraint sign_in_throttles_kind_is_known check (kind in ('account', 'address'));
