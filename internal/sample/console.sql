-- Fills a migrated, empty console database, as its owner.
-- The settings fill.operations, fill.points and fill.audit say how large it gets.
-- Rows are what years of use leave: mostly done, a few failed, some of an organization, none running.
set keepsake.role = 'system';

create temp table sizes as
select
    current_setting('fill.operations')::int as operations,
    current_setting('fill.points')::int as points,
    current_setting('fill.audit')::int as audit;

-- A UUIDv7 of the moment that is n quarters of an hour ago.
create function pg_temp.id_of(n int) returns uuid language sql as $$
select (substr(h, 1, 8) || '-' || substr(h, 9, 4)
    || '-7' || lpad(to_hex(n % 4096), 3, '0')
    || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid
from (select lpad(to_hex((extract(epoch from now() - n * interval '15 minutes') * 1000)::bigint), 12, '0') as h) x
$$;

-- Nobody did what these rows say: they are not put on record.
alter table backup_operations disable trigger backup_operations_on_record;
alter table accounts disable trigger accounts_on_record;
alter table wedding_milestones disable trigger wedding_milestones_on_record;
alter table backup_tests disable trigger backup_tests_on_record;
alter table disaster_recovery_events disable trigger disaster_recovery_events_on_record;
alter table rate_limits disable trigger rate_limits_on_record;
alter table sign_in_throttles disable trigger sign_in_throttles_on_record;
alter table sessions disable trigger sessions_on_record;
alter table second_steps disable trigger second_steps_on_record;
alter table recovery_codes disable trigger recovery_codes_on_record;
alter table api_tokens disable trigger api_tokens_on_record;

insert into backup_operations (
    id, platform, kind, state, organization, backup_type, note, labels, point_id, target, target_database,
    restore, requested_by, requested_name, created_at, started_at, finished_at, attempt, cancel_requested_at,
    progress, result, rows_done, bytes_done, seconds, ok, protected, lacks, error_code, error_message,
    wedding_data_categories, critical_milestone_data, vendor_integration_data, wedding_dates_covered)
select
    pg_temp.id_of(n),
    'main',
    kind,
    state,
    case when n % 20 = 0 then 'org-' || n % 40 end,
    case when kind = 'backup' then
        (array['incremental', 'incremental', 'incremental', 'critical', 'full'])[1 + n % 5] end,
    case when n % 7 = 0 then 'before change ' || n else '' end,
    '{}',
    case when state = 'done' then 'point' || n else '' end,
    case when kind = 'restore' then 'platform server' else '' end,
    case when kind = 'restore' then 'restored_' || n else '' end,
    case when kind = 'restore' then '{"scope": {"everything": true}}'::jsonb end,
    '1', 'amelia@example.org',
    at, at + interval '1 second', at + interval '41 seconds',
    1,
    case when state = 'cancelled' then at end,
    p.progress,
    case when state = 'done' then p.result end,
    6700000, 1770000000, 40,
    case when state = 'done' then true end,
    case when state = 'done' and kind = 'backup' then n % 11 > 0 end,
    case when n % 11 = 0 then 'no offsite copy' else '' end,
    case when state = 'failed' then 'unavailable' end,
    case when state = 'failed' then 'The platform did not answer.' end,
    case when made then c.tiers end,
    case
        when made and n % 100 = 0
            then '[{"wedding": "16", "date": "2030-06-01", "milestone": "final_payment"}]'::jsonb
        when made then '[]'
    end,
    case when made then '{"vendors": 900, "reachable": 880}'::jsonb end,
    case when made then datemultirange(daterange(at::date, at::date + 400)) end
from
    sizes,
    generate_series(1, operations) n,
    lateral (
        select
            now() - n * interval '15 minutes' as at,
            (array['backup', 'backup', 'backup', 'backup', 'backup', 'verify', 'restore'])[1 + n % 7] as kind,
            case when n % 50 = 0 then 'failed' when n % 75 = 0 then 'cancelled' else 'done' end as state) k,
    lateral (select kind = 'backup' and state = 'done' as made) m,
    (select jsonb_agg(jsonb_build_object('tier', tier, 'rows', 2000000, 'tables', '[]'::jsonb)) as tiers
     from unnest(array['critical', 'high', 'standard']) tier) c,
    (select
         jsonb_build_object(
             'stage', 'done',
             'bytes_total', 1770000000,
             'bytes_done', 1770000000,
             'tables', jsonb_agg(t)) as progress,
         jsonb_build_object('tables', 36, 'table_list', jsonb_agg(t)) as result
     from (
         select jsonb_build_object(
             'schema', 'public',
             'name', 'table_' || i,
             'tier', 'standard',
             'rows_done', i * 1000,
             'rows_total', i * 1000) as t
         from generate_series(1, 36) i) x) p;

insert into operation_events (operation_id, id, at, level, message)
select o.id, e, o.created_at, 'info', 'step ' || e
from
    (select id, created_at from backup_operations order by id desc limit (select points from sizes)) o,
    generate_series(1, 4) e;

insert into duties (name, next_at, last_started, last_ended, outcome)
select 'duty ' || i, now() + interval '5 minutes', now() - interval '5 minutes', now() - interval '4 minutes', 'done'
from generate_series(1, 11) i;

insert into schedules (platform, days, counted_at, next_at) values ('main', '{"2026-12-05": 9}', now(), now());

insert into provider_states (platform, name, medium, region, offsite, checked_at, reachable)
values
    ('main', 'local', 'disk', '', false, now(), true),
    ('main', 's3', 's3', 'eu-west-1', false, now(), true),
    ('main', 'away', 'gcs', 'eu', true, now(), true);

insert into recovery_points (
    id, platform, taken_at, backup_type, note, labels, operation_id, source_database, source_server,
    tables, rows, bytes_read, bytes_stored, bytes_new, chunks, chunks_new, seconds, copies, protected, lacks,
    wedding_id, wedding_date, days_before_wedding, timeline_phase, wedding_metadata)
select
    to_char(at at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') || '-' || lpad(to_hex(n), 12, '0'),
    'main',
    at,
    case
        when n % 40 = 0 then 'wedding'
        else (array['incremental', 'incremental', 'incremental', 'critical', 'full'])[1 + n % 5]
    end,
    case when n % 7 = 0 then 'before change ' || n else '' end,
    case when n % 9 = 0 then jsonb_build_object('app', '4.' || n % 30) else '{}' end,
    null, 'wedsync', '15.4',
    36, 6700000, 1770000000, 455000000, 9700000,
    613, 20, 40,
    jsonb_build_array(
        jsonb_build_object('name', 'local', 'medium', 'disk', 'offsite', false, 'confirmed', true),
        jsonb_build_object('name', 's3', 'medium', 's3', 'offsite', false, 'confirmed', true),
        jsonb_build_object('name', 'away', 'medium', 'gcs', 'offsite', true, 'confirmed', true)),
    true, '',
    case when n % 8 = 0 then (n % 2000)::text end,
    case when n % 8 = 0 then (at + interval '100 days')::date end,
    case when n % 8 = 0 then 100 end,
    case when n % 8 = 0 then 'planning' end,
    case
        when n % 8 = 0 then jsonb_build_object('weddings', jsonb_build_array(
            jsonb_build_object('wedding', (n % 2000)::text, 'date', '2030-06-01', 'milestone', 'final_payment')))
        else '{}'
    end
from
    sizes,
    generate_series(1, points) n,
    lateral (select date_trunc('second', now()) - n * interval '15 minutes' as at) k;

insert into backup_tests (id, platform, point_id, kind, tested_at, ok, findings, seconds)
select
    pg_temp.id_of(row_number() over ()::int),
    platform,
    id,
    case when row_number() over () % 10 = 0 then 'restore' else 'verify' end,
    taken_at + interval '1 hour',
    true, 0, 23
from recovery_points;

insert into disaster_recovery_events (
    id, platform, operation_id, point_id, target, target_database, started_at, finished_at, outcome, rto_seconds)
select o.id, o.platform, o.id, 'p', 'platform server', 'x', o.started_at, o.finished_at, 'done', 23
from backup_operations o
where kind = 'restore' and state = 'done';

insert into wedding_milestones (platform, wedding_id, name, day, organization, set_by)
select 'main', w::text, m, current_date + (w % 700) - 350, 'org-' || w % 40, 'amelia@example.org'
from sizes, generate_series(1, points / 10) w, unnest(array['contract_signed', 'final_payment', 'tasting']) m;

insert into rate_limits (actor_id, platform, kind, used_at)
select 'actor ' || n, 'main', 'full', array[now()]
from sizes, generate_series(1, points / 10) n;

insert into accounts (id, email, password_hash, role)
select pg_temp.id_of(n), 'admin' || n || '@example.org', '$argon2id$x', 'super_admin'
from sizes, generate_series(1, points / 10) n;

insert into sessions (id, token_hash, account_id, created_at, last_seen_at, expires_at, user_agent, address)
select
    pg_temp.id_of(n),
    sha256(n::text::bytea),
    pg_temp.id_of(1 + n % (points / 10)),
    now(), now(), now() + n * interval '1 second',
    'a browser', '192.0.2.1'
from sizes, generate_series(1, points / 5) n;

insert into second_steps (account_id, secret, created_at, confirmed_at)
select pg_temp.id_of(n), sha256(n::text::bytea), now(), now()
from sizes, generate_series(1, points / 10) n;

insert into recovery_codes (account_id, code_hash, created_at)
select pg_temp.id_of(n), sha256((n * 10 + i)::text::bytea), now()
from sizes, generate_series(1, points / 10) n, generate_series(1, 10) i;

insert into supabase_sessions (session_id, tokens, expires_at)
select pg_temp.id_of(n), sha256(n::text::bytea), now() + n * interval '1 second'
from sizes, generate_series(1, points / 10) n;

insert into api_tokens (id, token_hash, account_id, name, permissions, expires_at)
select
    pg_temp.id_of(n),
    sha256(n::text::bytea),
    pg_temp.id_of(1 + n % (points / 10)),
    'a script', '{read}', now() + n * interval '1 hour'
from sizes, generate_series(1, points / 5) n;

insert into idempotency_keys (actor_id, key, request, created_at, status)
select 'actor ' || n % 40, n::text, sha256(n::text::bytea), now() - n * interval '1 minute', 202
from sizes, generate_series(1, points / 5) n;

insert into sign_in_throttles (kind, subject, failures, last_failure_at, locked_until)
select 'account', sha256(n::text::bytea), 1, now() - n * interval '1 minute', now() - n * interval '1 minute'
from sizes, generate_series(1, points / 10) n;

insert into used_codes (code_hash, used_at)
select sha256(n::text::bytea), now() - n * interval '1 minute'
from sizes, generate_series(1, points / 10) n;

insert into settings (name, value) select 'setting ' || n, 'x' from generate_series(1, 5) n;

alter table audit_head disable trigger audit_head_grows;
alter table audit_log disable trigger audit_log_follows, disable trigger audit_log_is_counted;
insert into audit_log (
    id, at, actor_id, actor_name, actor_role, platform, organization, session, address, user_agent,
    action, target, outcome, detail, prev_hash, hash)
select
    n,
    now() - (audit - n) * interval '1 minute',
    (n % 40)::text,
    'admin' || n % 40 || '@example.org',
    'super_admin',
    case when n % 20 = 0 then 'main' else '' end,
    case when n % 20 = 0 then 'org-' || n % 40 else '' end,
    (n % 1000)::text,
    '192.0.2.' || n % 200,
    'Mozilla/5.0 (X11; Linux x86_64)',
    (array['backup.start', 'backup.end', 'wedding.read', 'session.start', 'session.end',
        'scope.preview', 'point.save'])[1 + n % 7],
    (n % 2000)::text,
    case when n % 60 = 0 then 'refused' else 'allowed' end,
    '{"type": "incremental"}',
    sha256((n - 1)::text::bytea),
    sha256(n::text::bytea)
from sizes, generate_series(1, audit) n;
insert into audit_words (word, id, platform, organization, at)
select w, l.id, l.platform, l.organization, l.at
from
    audit_log l,
    audit_words_of(concat_ws(' ',
        l.actor_name, l.address, l.action, replace(l.action, '.', ' '), l.target, l.detail ->> 'type')) w;
update audit_head set last_id = (select audit from sizes), hash = sha256((select audit from sizes)::text::bytea);
alter table audit_head enable trigger audit_head_grows;
alter table audit_log enable trigger audit_log_follows, enable trigger audit_log_is_counted;
alter table backup_operations enable trigger backup_operations_on_record;
alter table accounts enable trigger accounts_on_record;
alter table wedding_milestones enable trigger wedding_milestones_on_record;
alter table backup_tests enable trigger backup_tests_on_record;
alter table disaster_recovery_events enable trigger disaster_recovery_events_on_record;
alter table rate_limits enable trigger rate_limits_on_record;
alter table sign_in_throttles enable trigger sign_in_throttles_on_record;
alter table sessions enable trigger sessions_on_record;
alter table second_steps enable trigger second_steps_on_record;
alter table recovery_codes enable trigger recovery_codes_on_record;
alter table api_tokens enable trigger api_tokens_on_record;
drop function pg_temp.id_of(int);
drop table sizes;
