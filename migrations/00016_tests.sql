-- Tests are listed over all recovery points too, newest first.
-- +goose Up

create index backup_tests_by_time on backup_tests (tested_at desc, id desc);

-- +goose Down
drop index backup_tests_by_time;
