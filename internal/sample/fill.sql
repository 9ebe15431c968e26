-- Rows. Each block fills one table. Blocks below a line of dashes wait for those above it.
-- {W} is the number of weddings, {O} that of organizations, {TODAY} a date.
-- {A} multiplies what activity leaves behind.
-- Numbered rows get their numbers in the order of i, so that other rows can point at them:
-- plus-ones, parts of a task, the client who leads.
insert into public.organizations
select sample_words.id('organization', i),
       w.brand[1 + sample_words.pick(i, 1, 15)]
           || ' ' || (array['Weddings','Events','Celebrations','Planning'])[1 + i % 4]
           || case when i > 15 then ' ' || w.city[1 + i % 20] else '' end,
       'studio-' || i,
       (array['GB','IE','FR','DE','PL','PT','ES','IT','SE','NL'])[1 + sample_words.pick(i, 2, 10)],
       (array['starter','studio','agency'])[1 + sample_words.pick(i, 3, 3)],
       'billing@studio-' || i || '.example',
       jsonb_build_object(
           'currency', (array['EUR','GBP'])[1 + i % 2],
           'brand_color', '#' || substr(md5(i::text), 1, 6)),
       '{TODAY}'::timestamptz - interval '3 years' - i * interval '5 days'
from generate_series(1, {O}) i, sample_words.w w
;
insert into public.users
select sample_words.id('user', i),
       sample_words.id('organization', 1 + i % {O}),
       'user' || i || '@studio-' || (1 + i % {O}) || '.example',
       (case
            when i % 3 = 0 then w.him[1 + sample_words.pick(i, 1, 36)]
            else w.her[1 + sample_words.pick(i, 1, 36)]
        end) || ' ' || w.family[1 + sample_words.pick(i, 2, 36)],
       (array['planner','planner','assistant','owner'])[1 + sample_words.pick(i, 3, 4)],
       '{TODAY}'::timestamptz - sample_words.pick(i, 4, 90) * interval '1 hour',
       ('203.0.113.' || sample_words.pick(i, 5, 250))::inet,
       '{TODAY}'::timestamptz - interval '2 years' + i * interval '1 minute',
       '{TODAY}'::timestamptz - interval '1 month'
from generate_series(1, {O} * 12) i, sample_words.w w
;
insert into public.user_profiles
select sample_words.id('user', i),
       '+44 7700 900' || lpad(sample_words.pick(i, 6, 1000)::text, 3, '0'),
       (array['en-GB','fr-FR','de-DE','pl-PL','pt-PT'])[1 + i % 5],
       (array['Europe/London','Europe/Paris','Europe/Berlin','Europe/Warsaw','Europe/Lisbon'])[1 + i % 5],
       null,
       jsonb_build_object('theme', 'light', 'digest', i % 2 = 0)
from generate_series(1, {O} * 12) i
;
insert into public.suppliers
select sample_words.id('supplier', i),
       sample_words.id('organization', 1 + i % {O}),
       (enum_range(null::public.supplier_kind))[1 + i % 12],
       w.brand[1 + sample_words.pick(i, 1, 15)]
           || ' ' || initcap(replace(((enum_range(null::public.supplier_kind))[1 + i % 12])::text, '_', ' & '))
           || case when i > 180 then ' ' || w.city[1 + sample_words.pick(i, 8, 20)] else '' end,
       w.her[1 + sample_words.pick(i, 2, 36)] || ' ' || w.family[1 + sample_words.pick(i, 3, 36)],
       'hello@supplier-' || i || '.example',
       '+44 1632 960' || lpad(sample_words.pick(i, 4, 1000)::text, 3, '0'),
       w.city[1 + sample_words.pick(i, 5, 20)],
       3 + sample_words.pick(i, 6, 21) / 10.0,
       array['insured', (array['outdoor','kosher','eco','luxury'])[1 + sample_words.pick(i, 7, 4)]],
       '{TODAY}'::timestamptz - sample_words.pick(i, 9, 900) * interval '1 day'
from generate_series(1, greatest({W} / 4, 24)) i, sample_words.w w
;
insert into public.weddings
select sample_words.id('wedding', i),
       sample_words.id('organization', 1 + sample_words.pick(i, 1, {O})),
       case
           when i = 7 then 'Wilhelmina Alexandrina van den Berg-Szczepańska-Fitzgerald'
               || ' & Maximilian Bartholomew Øvergård de la Cruz y García Márquez'
           else w.her[1 + sample_words.pick(i, 2, 36)] || ' & ' || w.him[1 + sample_words.pick(i, 3, 36)]
       end,
       '{TODAY}'::date + d.days,
       w.brand[1 + sample_words.pick(i, 4, 15)] || ' ' || w.venue[1 + sample_words.pick(i, 5, 10)],
       w.city[1 + sample_words.pick(i, 6, 20)],
       'Europe/London',
       case
           when d.days < 0 then 'married'
           when d.days <= 30 then 'final_details'
           when d.days < 300 then 'planning'
           else 'booked'
       end::public.wedding_status,
       8000 + sample_words.pick(i, 7, 60000),
       40 + sample_words.pick(i, 8, 120),
       sample_words.id('user', 1 + sample_words.pick(i, 9, {O} * 12)),
       i * 2 - 1,
       w.sentence[1 + sample_words.pick(i, 10, 16)],
       '{TODAY}'::timestamptz + d.days * interval '1 day' - interval '1 year',
       '{TODAY}'::timestamptz - sample_words.pick(i, 12, 700) * interval '1 hour'
from
    generate_series(1, {W}) i,
    sample_words.w w,
    lateral (
        select case
            when i <= 12 then i % 3
            when i <= 40 then 2 + i % 6
            else sample_words.pick(i, 11, 730)::int - 240
        end as days) d
----
insert into public.clients (wedding_id, first_name, last_name, email, phone, created_at)
select sample_words.id('wedding', i / 2 + 1),
       case
           when i % 2 = 0 then w.her[1 + sample_words.pick(i / 2 + 1, 2, 36)]
           else w.him[1 + sample_words.pick(i / 2 + 1, 3, 36)]
       end,
       w.family[1 + sample_words.pick(i, 20, 36)],
       'client' || i || '@mail.example',
       '+44 7700 901' || lpad(sample_words.pick(i, 21, 1000)::text, 3, '0'),
       '{TODAY}'::timestamptz - sample_words.pick(i, 22, 600) * interval '1 day'
from generate_series(0, {W} * 2 - 1) i, sample_words.w w
;
insert into public.seating_tables
select sample_words.id('wedding', i), t, case t when 1 then 'Top table' else 'Table ' || t end, 8 + t % 3
from generate_series(1, {W}) i, generate_series(1, 10) t
;
insert into public.guests (
    wedding_id, plus_one_of, name, email, phone, answer, dietary, table_number, address, extra, created_at, updated_at)
select sample_words.id('wedding', 1 + sample_words.pick(i / 2, 1, {W})),
       case when i % 10 = 5 then i - 1 end,
       (case
            when i % 2 = 0 then w.her[1 + sample_words.pick(i, 2, 36)]
            else w.him[1 + sample_words.pick(i, 3, 36)]
        end) || ' ' || w.family[1 + sample_words.pick(i, 4, 36)],
       case when i % 5 <> 0 then 'guest' || i || '@mail.example' end,
       case when i % 3 = 0 then '+44 7700 902' || lpad(sample_words.pick(i, 5, 1000)::text, 3, '0') end,
       (enum_range(null::public.rsvp_answer))[1 + sample_words.pick(i, 6, 4)],
       w.diet[1 + greatest(0, sample_words.pick(i, 7, 20) - 12)],
       1 + sample_words.pick(i, 8, 10)::int,
       sample_words.pick(i, 9, 200) + 1 || ' ' || w.family[1 + sample_words.pick(i, 10, 36)] || ' Street, '
           || w.city[1 + sample_words.pick(i, 11, 20)],
       jsonb_build_object(
           'song', w.brand[1 + sample_words.pick(i, 12, 15)],
           'arrival', (array['train','car','coach','flight'])[1 + sample_words.pick(i, 13, 4)],
           'children', sample_words.pick(i, 14, 4),
           'note', w.sentence[1 + sample_words.pick(i, 15, 16)]),
       t.at,
       t.at + sample_words.pick(i, 16, 2000) * interval '1 minute'
from
    generate_series(1, {W} * 70 * (1 + {A} / 8)) i,
    sample_words.w w,
    lateral (
        select '{TODAY}'::timestamptz - interval '500 days'
            + i * (interval '500 days' / ({W} * 70 * (1 + {A} / 8))) as at) t
;
insert into public.wedding_suppliers
select sample_words.id('wedding', i),
       sample_words.id('supplier',
           1 + (sample_words.pick(i, 31, greatest({W} / 4, 24)) + k * 12 + k) % greatest({W} / 4, 24)),
       w.task[1 + k],
       300 + sample_words.pick(i * 8 + k, 32, 9000),
       make_time((8 + k)::int, 30, 0),
       sample_words.pick(i * 8 + k, 33, 4) > 0,
       w.sentence[1 + sample_words.pick(i * 8 + k, 34, 16)]
from generate_series(1, {W}) i, generate_series(0, 5) k, sample_words.w w
on conflict do nothing
;
insert into public.tasks (wedding_id, parent_id, title, due_on, done_at, assigned_to, created_at)
select sample_words.id('wedding', 1 + sample_words.pick(i / 4, 1, {W})),
       case when i % 4 = 3 then i - 1 end,
       w.task[1 + sample_words.pick(i, 2, 12)],
       '{TODAY}'::date + sample_words.pick(i, 3, 300)::int - 150,
       case when i % 2 = 0 then '{TODAY}'::timestamptz - sample_words.pick(i, 4, 200) * interval '1 day' end,
       sample_words.id('user', 1 + sample_words.pick(i, 5, {O} * 12)),
       '{TODAY}'::timestamptz - sample_words.pick(i, 6, 400) * interval '1 day'
from generate_series(1, {W} * 12) i, sample_words.w w
;
insert into public.timeline_events (wedding_id, starts_at, minutes, title, place, owner)
select sample_words.id('wedding', i),
       '{TODAY}'::timestamptz + (10 + k) * interval '1 hour',
       30 + 15 * (k % 3),
       (array[
           'Hair and make-up','Flowers arrive','Guests arrive','Ceremony','Drinks',
           'Photographs','Dinner','Speeches','First dance','Carriages'])[1 + k],
       w.venue[1 + sample_words.pick(i * 10 + k, 1, 10)],
       w.her[1 + sample_words.pick(i * 10 + k, 2, 36)]
from generate_series(1, {W}) i, generate_series(0, 9) k, sample_words.w w
;
insert into public.budget_items (wedding_id, category, planned, actual, paid)
select sample_words.id('wedding', i),
       (array['Venue','Food','Flowers','Music','Photography','Dress','Rings','Transport','Stationery','Cake'])[1 + k],
       200 + sample_words.pick(i * 10 + k, 1, 9000),
       case when k % 2 = 0 then 200 + sample_words.pick(i * 10 + k, 2, 9000) end,
       k % 3 = 0
from generate_series(1, {W}) i, generate_series(0, 9) k
;
insert into public.payments (
    wedding_id, supplier_id, amount, currency, method, due_on, paid_at, reference, created_at)
select sample_words.id('wedding', 1 + sample_words.pick(i, 1, {W})),
       sample_words.id('supplier', 1 + sample_words.pick(i, 2, greatest({W} / 4, 24))),
       50 + sample_words.pick(i, 3, 500000) / 100.0,
       (array['EUR','GBP'])[1 + i % 2],
       (array['card','transfer','cash'])[1 + sample_words.pick(i, 4, 3)],
       '{TODAY}'::date + sample_words.pick(i, 5, 300)::int - 150,
       case when i % 3 > 0 then '{TODAY}'::timestamptz - sample_words.pick(i, 6, 200) * interval '1 day' end,
       'INV-' || 10000 + i,
       '{TODAY}'::timestamptz - interval '400 days' + i * interval '1 minute'
from generate_series(1, {W} * 6) i
;
insert into public.forms (wedding_id, title, fields, published, created_at)
select sample_words.id('wedding', 1 + (i - 1) % {W}),
       (array['RSVP','Menu choices','Song wishes'])[1 + i / {W}],
       '[{"name": "answer", "type": "text"}, {"name": "diet", "type": "choice"}]',
       true,
       '{TODAY}'::timestamptz - interval '300 days'
from generate_series(1, {W} * 3 - 1) i
;
insert into public.form_responses (form_id, wedding_id, answers, created_at)
select f,
       sample_words.id('wedding', 1 + (f - 1) % {W}),
       jsonb_build_object(
           'answer', w.sentence[1 + sample_words.pick(i, 2, 16)],
           'diet', w.diet[1 + sample_words.pick(i, 3, 8)],
           'name', w.her[1 + sample_words.pick(i, 4, 36)] || ' ' || w.family[1 + sample_words.pick(i, 5, 36)],
           'song', md5((i % 5000)::text)),
       '{TODAY}'::timestamptz - interval '300 days' + i * (interval '300 days' / ({W} * 20 * {A}))
from
    generate_series(1, {W} * 20 * {A}) i,
    sample_words.w w,
    lateral (select 1 + sample_words.pick(i, 1, {W} * 3 - 1) as f) x
;
insert into public.journey_instances (wedding_id, journey, step, state, updated_at)
select sample_words.id('wedding', 1 + sample_words.pick(i, 1, {W})),
       (array['onboarding','rsvp chase','final week','thank you'])[1 + i % 4],
       sample_words.pick(i, 2, 9)::int,
       jsonb_build_object(
           'last', w.event[1 + sample_words.pick(i, 3, 8)],
           'waits_for', w.task[1 + sample_words.pick(i, 4, 12)]),
       '{TODAY}'::timestamptz - sample_words.pick(i, 5, 9000) * interval '1 minute'
from generate_series(1, {W} * 3) i, sample_words.w w
;
insert into public.files (wedding_id, name, mime_type, size_bytes, sha256, thumbnail, uploaded_by, created_at)
select sample_words.id('wedding', 1 + sample_words.pick(i, 1, {W})),
       (array['contract','invoice','moodboard','floorplan','menu'])[1 + i % 5] || '-' || i || '.pdf',
       'application/pdf',
       20000 + sample_words.pick(i, 2, 4000000),
       md5(i::text) || md5((i + 1)::text),
       (select string_agg(decode(md5(i || '/' || k), 'hex'), '')
        from generate_series(1, 40 + sample_words.pick(i, 3, 60)) k),
       sample_words.id('user', 1 + sample_words.pick(i, 4, {O} * 12)),
       '{TODAY}'::timestamptz - interval '400 days' + i * interval '1 minute'
from generate_series(1, {W} * 4 * (1 + {A} / 4)) i
;
insert into public.communications (wedding_id, channel, recipient, subject, body, sent_at)
select sample_words.id('wedding', 1 + sample_words.pick(i, 1, {W})),
       (array['email','email','sms','letter'])[1 + i % 4],
       'guest' || sample_words.pick(i, 2, {W} * 70) || '@mail.example',
       w.task[1 + sample_words.pick(i, 3, 12)] || ' · ' || w.brand[1 + sample_words.pick(i, 4, 15)],
       'Dear ' || w.her[1 + sample_words.pick(i, 5, 36)] || ', ' || w.sentence[1 + sample_words.pick(i, 6, 16)]
           || ' ' || w.sentence[1 + sample_words.pick(i, 7, 16)],
       '{TODAY}'::timestamptz - interval '400 days' + i * (interval '400 days' / ({W} * 12 * {A}))
from generate_series(1, {W} * 12 * {A}) i, sample_words.w w
;
insert into public.messages (wedding_id, sender_id, body, read_by, created_at)
select sample_words.id('wedding', 1 + sample_words.pick(i, 1, {W})),
       sample_words.id('user', 1 + sample_words.pick(i, 2, {O} * 12)),
       w.sentence[1 + sample_words.pick(i, 3, 16)] || ' ' || w.her[1 + sample_words.pick(i, 4, 36)]
           || ' (' || sample_words.pick(i, 5, 100000) || ')',
       case when i % 3 = 0 then array[sample_words.id('user', 1 + sample_words.pick(i, 6, {O} * 12))] else '{}' end,
       '{TODAY}'::timestamptz - interval '400 days' + i * (interval '400 days' / ({W} * 30 * {A}))
from generate_series(1, {W} * 30 * {A}) i, sample_words.w w
;
insert into public.audit_logs (organization_id, wedding_id, actor_id, action, object, change, ip, created_at)
select sample_words.id('organization', 1 + sample_words.pick(i, 1, {O})),
       sample_words.id('wedding', 1 + sample_words.pick(i, 2, {W})),
       sample_words.id('user', 1 + sample_words.pick(i, 3, {O} * 12)),
       (array['create','update','update','update','delete'])[1 + sample_words.pick(i, 4, 5)],
       (array['guest','task','payment','supplier','form'])[1 + sample_words.pick(i, 5, 5)]
           || ':' || sample_words.pick(i, 6, 1000000),
       jsonb_build_object(
           'field', (array['answer','due_on','amount','notes','table_number'])[1 + sample_words.pick(i, 7, 5)],
           'from', w.task[1 + sample_words.pick(i, 8, 12)],
           'to', w.sentence[1 + sample_words.pick(i, 9, 16)]),
       ('203.0.113.' || sample_words.pick(i, 10, 250))::inet,
       '{TODAY}'::timestamptz - interval '400 days' + i * (interval '400 days' / ({W} * 40 * {A}))
from generate_series(1, {W} * 40 * {A}) i, sample_words.w w
;
insert into public.event_logs (at, wedding_id, user_id, kind, path, agent, payload)
select '{TODAY}'::timestamptz - interval '400 days' + i * (interval '400 days' / ({W} * 60 * {A})),
       sample_words.id('wedding', 1 + sample_words.pick(i, 1, {W})),
       sample_words.id('user', 1 + sample_words.pick(i, 2, {O} * 12)),
       w.event[1 + sample_words.pick(i, 3, 8)],
       '/weddings/' || sample_words.pick(i, 1, {W})
           || '/' || (array['guests','tasks','budget','seating','forms'])[1 + sample_words.pick(i, 4, 5)],
       w.agent[1 + sample_words.pick(i, 5, 4)],
       jsonb_build_object(
           'ms', sample_words.pick(i, 6, 900),
           'session', md5((i / 7)::text),
           'from', w.city[1 + sample_words.pick(i, 7, 20)])
from generate_series(1, {W} * 60 * {A}) i, sample_words.w w
