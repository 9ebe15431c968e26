-- Whom a verification of a recovery point could ask, and whom not. One that found nothing wrong and could not ask
-- everybody neither passed nor failed.
-- +goose Up

alter table backup_tests
    add column asked text[] not null default '{}',
    add column away  text[] not null default '{}',
    add constraint backup_tests_passed_only_where_all_were_asked check (not ok or away = '{}');
drop index backup_tests_read_bad;
-- Whether a copy was found bad by reading decides whether a repair reads everything.
create index backup_tests_read_bad on backup_tests (point_id, tested_at desc)
where not ok and findings > 0 and kind <> 'verify';

-- +goose Down
drop index backup_tests_read_bad;
create index backup_tests_read_bad on backup_tests (point_id, tested_at desc) where not ok and kind <> 'verify';
alter table backup_tests drop column asked, drop column away;
