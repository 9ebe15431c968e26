-- An account that is closed does not stand in the way of another of the same address: people leave, come back, and are made anew elsewhere.
-- +goose Up

alter table accounts drop constraint accounts_email_is_unique;
create unique index accounts_email_is_unique on accounts (email) where disabled_at is null;

-- +goose Down
drop index accounts_email_is_unique;
alter table accounts add constraint accounts_email_is_unique unique (email);
