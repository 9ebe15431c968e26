-- How often one actor has started what, within the last hour: shared by every process, exact under concurrency, because a use is
-- counted by the statement that looks whether there is one left.
-- +goose Up

create table rate_limits (
    actor_id text not null,
    kind     text not null,
    used_at  timestamptz[] not null, -- the uses of the last hour, oldest first, by this database's clock; older ones may linger
    primary key (actor_id, kind),
    constraint rate_limits_kind_is_known check (kind in ('full', 'incremental', 'critical', 'wedding', 'emergency')),
    constraint rate_limits_is_used check (cardinality(used_at) > 0)
);
alter table rate_limits enable row level security, force row level security;
-- Everybody counts for themselves, organization or not: nobody reads, uses up or resets what is another's.
create policy rate_limits_own on rate_limits
    using (keepsake_is_system() or (keepsake_is_someone() and actor_id = coalesce(current_setting('keepsake.actor', true), '')))
    with check (keepsake_is_system() or (keepsake_is_someone() and actor_id = coalesce(current_setting('keepsake.actor', true), '')));

-- The policies of the large tables ask who is there once a query and not once a row, and in a form whose share of rows the planner
-- does not take for tiny: with keepsake_sees(organization) it expected so few rows to pass that it read and sorted whole tables
-- for a page of a list. Who sees what is as before.
-- +goose StatementBegin
create function keepsake_sees_all() returns boolean language sql stable as
$$ select coalesce(current_setting('keepsake.role', true), '') = 'system'
       or (coalesce(current_setting('keepsake.role', true), '') = 'super_admin' and coalesce(current_setting('keepsake.organization', true), '') = '') $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function keepsake_bound_to() returns text language sql stable as
$$ select case when coalesce(current_setting('keepsake.role', true), '') = 'super_admin' then nullif(current_setting('keepsake.organization', true), '') end $$;
-- +goose StatementEnd
alter policy backup_operations_actor on backup_operations
    using ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()));
alter policy recovery_points_actor on recovery_points
    using ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()));
alter policy backup_tests_actor on backup_tests
    using ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()));
alter policy disaster_recovery_events_actor on disaster_recovery_events
    using ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()));
alter policy wedding_milestones_actor on wedding_milestones
    using ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()));
alter policy audit_log_read on audit_log using ((select keepsake_sees_all()) or organization = (select keepsake_bound_to()));
alter policy operation_events_actor on operation_events
    using ((select keepsake_is_system()) or exists (select from backup_operations o where o.id = operation_id))
    with check ((select keepsake_is_system()) or exists (select from backup_operations o where o.id = operation_id));

-- Lists of one organization, and of what rarely happens.
create index backup_operations_by_organization on backup_operations (organization, id desc) where organization is not null;
create index backup_operations_by_kind_and_state on backup_operations (kind, state, id desc);
create index backup_tests_drills on backup_tests (tested_at desc) where kind = 'restore' and ok;
create index audit_log_by_organization on audit_log (organization, id desc) where organization <> '';

-- +goose Down
drop index audit_log_by_organization, backup_tests_drills, backup_operations_by_kind_and_state, backup_operations_by_organization;
alter policy operation_events_actor on operation_events
    using (keepsake_is_system() or exists (select from backup_operations o where o.id = operation_id))
    with check (keepsake_is_system() or exists (select from backup_operations o where o.id = operation_id));
alter policy audit_log_read on audit_log using (keepsake_sees(organization));
alter policy wedding_milestones_actor on wedding_milestones using (keepsake_sees(organization)) with check (keepsake_sees(organization));
alter policy disaster_recovery_events_actor on disaster_recovery_events using (keepsake_sees(organization)) with check (keepsake_sees(organization));
alter policy backup_tests_actor on backup_tests using (keepsake_sees(organization)) with check (keepsake_sees(organization));
alter policy recovery_points_actor on recovery_points using (keepsake_sees(organization)) with check (keepsake_sees(organization));
alter policy backup_operations_actor on backup_operations using (keepsake_sees(organization)) with check (keepsake_sees(organization));
drop function keepsake_bound_to(), keepsake_sees_all();
drop table rate_limits;
