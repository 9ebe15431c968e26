-- Recovery points are listed in the repository's own sequence, which is that of their ids. A point's time is by the
-- platform's clock, which may be set back.
-- +goose Up
create index recovery_points_in_order on recovery_points (platform, id desc);
drop index recovery_points_marked;
create index recovery_points_marked on recovery_points (platform, id desc) where wedding_metadata <> '{}';
drop index recovery_points_unprotected;
create index recovery_points_unprotected on recovery_points (platform, id desc) where not protected;

-- +goose Down
drop index recovery_points_unprotected;
create index recovery_points_unprotected on recovery_points (platform, taken_at desc, id desc) where not protected;
drop index recovery_points_marked;
create index recovery_points_marked on recovery_points (platform, taken_at desc, id desc)
    where wedding_metadata <> '{}';
drop index recovery_points_in_order;
