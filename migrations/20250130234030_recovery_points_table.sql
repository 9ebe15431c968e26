-- Recovery points: a cache of the repository's manifests, which any one provider can refill.
-- Ids sort in the order in which the points were written.
-- +goose Up

create table recovery_points (
    id                  text primary key,
    platform            text not null,
    taken_at            timestamptz not null,
    backup_type         text not null,
    note                text not null default '',
    labels              jsonb not null default '{}',
    organization        text,
    operation_id        uuid references backup_operations (id) on delete set null,
    source_database     text not null,
    source_server       text not null,
    tables              integer not null,
    rows                bigint not null,
    bytes_read          bigint not null,
    bytes_stored        bigint not null,
    bytes_new           bigint not null,
    chunks              bigint not null,
    chunks_new          bigint not null,
    seconds             double precision not null,
    copies              jsonb not null,
    protected           boolean not null,
    lacks               text not null default '',
    seen_at             timestamptz not null default now(),
    locked              boolean not null default false, -- retention never removes it; the repository knows it too

    -- What the newest verification found:
    -- rows found and expected, by table where they differ, and the share of its objects that each provider holds.
    -- Null: never verified.
    data_completeness   jsonb,
    integrity_score     double precision,

    covers              jsonb not null default '{}', -- keepsake.Coverage; empty where the manifest cannot be read

    -- Of points that belong to one wedding: null for those that hold the whole platform.
    wedding_id          text,
    wedding_date        date,
    wedding_milestone   text,
    days_before_wedding integer,
    timeline_phase      text,
    wedding_metadata    jsonb not null default '{}',

    constraint recovery_points_platform_has_a_name check (platform <> ''),
    -- 'unreadable': the manifest is there, and no provider's copy of it can be opened.
    constraint recovery_points_type_is_known
        check (backup_type in ('full', 'incremental', 'critical', 'wedding', 'emergency', 'unreadable')),
    constraint recovery_points_lacks_iff_unprotected check (protected = (lacks = '')),
    constraint recovery_points_integrity_is_a_share check (integrity_score between 0 and 1),
    constraint recovery_points_proof_is_whole check ((data_completeness is null) = (integrity_score is null)),
    constraint recovery_points_phase_is_known
        check (timeline_phase in ('planning', 'preparation', 'execution', 'post_event')),
    constraint recovery_points_phase_follows_days check (
        (timeline_phase is null) = (days_before_wedding is null)
        and (timeline_phase is null or timeline_phase = case
            when days_before_wedding > 30 then 'planning'
            when days_before_wedding > 1 then 'preparation'
            when days_before_wedding >= 0 then 'execution'
            else 'post_event' end)),
    constraint recovery_points_wedding_is_whole check (
        (wedding_id is null) = (wedding_date is null) and (wedding_id is null) = (days_before_wedding is null))
);
create index recovery_points_by_time on recovery_points (platform, taken_at desc, id desc);
create index recovery_points_by_type on recovery_points (platform, backup_type, id desc);
create index recovery_points_by_wedding_date_and_phase on recovery_points (platform, wedding_date, timeline_phase)
    where wedding_date is not null;
create index recovery_points_by_wedding on recovery_points (platform, wedding_id, taken_at desc)
    where wedding_id is not null;
create index recovery_points_wedding_metadata on recovery_points using gin (wedding_metadata jsonb_path_ops);
create index recovery_points_labels on recovery_points using gin (labels jsonb_path_ops);
create index recovery_points_by_operation on recovery_points (operation_id) where operation_id is not null;
-- Backups that no console started (the command line, another console) are found by having no operation.
create index recovery_points_without_operation on recovery_points (platform, id) where operation_id is null;
-- Few points have what lists are filtered by: see backup_operations_about_some.
create index recovery_points_marked on recovery_points (platform, taken_at desc, id desc)
    where wedding_metadata <> '{}';
create index recovery_points_unprotected on recovery_points (platform, taken_at desc, id desc) where not protected;

alter table recovery_points enable row level security, force row level security;
create policy recovery_points_actor on recovery_points
    using ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()))
    with check ((select keepsake_sees_all())
        or platform = (select keepsake_bound_platform()) and organization = (select keepsake_bound_to()));

-- +goose Down
drop table recovery_points;
