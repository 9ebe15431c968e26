-- Every proof or failure of a recovery point.
-- +goose Up

create table backup_tests (
    id           uuid primary key,
    platform     text not null,
    point_id     text not null references recovery_points (id) on delete cascade,
    operation_id uuid references backup_operations (id) on delete set null,
    organization text,
    kind         text not null,
    tested_at    timestamptz not null,
    ok           boolean not null,
    findings     integer not null,
    seconds      double precision not null,
    constraint backup_tests_platform_has_a_name check (platform <> ''),
    constraint backup_tests_kind_is_known check (kind in ('verify', 'deep_verify', 'restore', 'partial_restore')),
    constraint backup_tests_findings_not_negative check (findings >= 0)
);
create index backup_tests_by_point on backup_tests (point_id, tested_at desc);
create index backup_tests_by_operation on backup_tests (operation_id) where operation_id is not null;
create index backup_tests_by_time on backup_tests (tested_at desc, id desc);
create index backup_tests_drills on backup_tests (platform, tested_at desc) where kind = 'restore' and ok;
-- Whether a copy was found bad by reading decides whether a repair reads everything.
create index backup_tests_read_bad on backup_tests (point_id, tested_at desc) where not ok and kind <> 'verify';
alter table backup_tests enable row level security, force row level security;
create policy backup_tests_actor on backup_tests
    using ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()));

-- +goose Down
drop table backup_tests;
