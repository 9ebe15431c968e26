-- Whether a copy was found bad by reading decides whether a repair reads everything.
-- +goose Up
create index backup_tests_read_bad on backup_tests (point_id, tested_at desc) where not ok and kind <> 'verify';

-- +goose Down
drop index backup_tests_read_bad;
