-- Who is asking. db.InTx sets these settings for one transaction; nothing else may. Without them every table is empty.
-- +goose Up

create schema river;

-- +goose StatementBegin
create function keepsake_role() returns text language sql stable as
$$ select coalesce(current_setting('keepsake.role', true), '') $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function keepsake_is_system() returns boolean language sql stable as
$$ select coalesce(current_setting('keepsake.role', true), '') = 'system' $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function keepsake_is_someone() returns boolean language sql stable as
$$ select coalesce(current_setting('keepsake.role', true), '') in ('system', 'super_admin') $$;
-- +goose StatementEnd

-- An actor bound to an organization sees only that organization's rows; rows of no organization concern the whole platform.
-- +goose StatementBegin
create function keepsake_sees(organization text) returns boolean language sql stable as
$$ select coalesce(current_setting('keepsake.role', true), '') = 'system'
       or (coalesce(current_setting('keepsake.role', true), '') = 'super_admin'
           and coalesce(current_setting('keepsake.organization', true), '') in ('', organization)) $$;
-- +goose StatementEnd

-- Small secrets and facts that every process of one console shares, such as the generated session secret.
create table settings (
    name       text primary key,
    value      bytea not null,
    created_at timestamptz not null default now()
);
alter table settings enable row level security, force row level security;
create policy settings_system on settings using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table settings;
drop function keepsake_sees(text), keepsake_is_someone(), keepsake_is_system(), keepsake_role();
drop schema river cascade;
