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

-- An actor bound to an organization sees only that organization's rows, and an organization is one platform's:
-- the keys of two platforms may be equal.
-- Rows of no organization concern a whole platform.
-- Who has an organization and no platform, or a platform and no organization, sees nothing.
-- +goose StatementBegin
create function keepsake_sees(platform text, organization text) returns boolean language sql stable as
$$ select coalesce(current_setting('keepsake.role', true), '') = 'system'
       or (coalesce(current_setting('keepsake.role', true), '') = 'super_admin'
           and (coalesce(current_setting('keepsake.platform', true), ''),
               coalesce(current_setting('keepsake.organization', true), ''))
               in (('', ''), (nullif(platform, ''), nullif(organization, '')))) $$;
-- +goose StatementEnd

-- The same for the policies of the large tables, which ask who is there once a query and not once a row,
-- in a form whose share of rows the planner does not take for tiny:
-- with keepsake_sees(platform, organization) it expected so few rows to pass
-- that it read and sorted whole tables for a page of a list.
-- +goose StatementBegin
create function keepsake_sees_all() returns boolean language sql stable as
$$ select coalesce(current_setting('keepsake.role', true), '') = 'system'
       or (coalesce(current_setting('keepsake.role', true), '') = 'super_admin'
           and coalesce(current_setting('keepsake.platform', true), '') = ''
           and coalesce(current_setting('keepsake.organization', true), '') = '') $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function keepsake_bound_to() returns text language sql stable as
$$ select case when coalesce(current_setting('keepsake.role', true), '') = 'super_admin'
       then nullif(current_setting('keepsake.organization', true), '') end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function keepsake_bound_platform() returns text language sql stable as
$$ select case when coalesce(current_setting('keepsake.role', true), '') = 'super_admin'
       then nullif(current_setting('keepsake.platform', true), '') end $$;
-- +goose StatementEnd

-- Small secrets and facts that every process of one console shares, such as the generated session secret.
create table settings (
    platform   text not null default '', -- whose fact it is; '': the console's own
    name       text not null,
    value      bytea not null,
    created_at timestamptz not null default now(),
    primary key (platform, name)
);
alter table settings enable row level security, force row level security;
create policy settings_system on settings using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table settings;
drop function keepsake_bound_platform(), keepsake_bound_to(), keepsake_sees_all(), keepsake_sees(text, text),
    keepsake_is_someone(), keepsake_is_system(), keepsake_role();
drop schema river cascade;
