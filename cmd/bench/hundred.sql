-- 100,000 weddings whose rows are scattered over the tables, as months of live use scatter them.
-- Row i belongs to wedding 1 + i · 48271 mod 100,000, so that each wedding has one row in every hundred thousand.
-- Blocks run side by side.
create unlogged table steps as select i from generate_series(1, 3000000) i;
create table organizations (id int primary key, name text);
create table users (id int primary key, organization_id int references organizations, name text);
create table suppliers (
	id int primary key,
	organization_id int references organizations,
	kind text,
	name text,
	contact_name text,
	phone text,
	email text,
	city text);
create table weddings (
	id int primary key,
	organization_id int references organizations,
	couple text,
	wedding_date date,
	venue text,
	notes text);
create table wedding_suppliers (wedding_id int, supplier_id int, fee numeric);
create table clients (id int, wedding_id int, name text, email text, phone text);
create table guests (
	id int,
	wedding_id int,
	name text,
	email text,
	answer text,
	diet text,
	plus_one_of int,
	updated_at timestamptz);
create table payments (id int, wedding_id int, supplier_id int, amount numeric, due date, paid_at timestamptz);
create table tasks (id int, wedding_id int, title text, done_at timestamptz, parent_id int);
create table forms (id int, wedding_id int, title text, questions jsonb);
create table form_responses (id int, form_id int, answers jsonb, sent_at timestamptz);
create table messages (id bigint, wedding_id int, sender_id int, body text, at timestamptz);
create table files (id uuid, wedding_id int, path text, size bigint, sha256 bytea);
insert into organizations select i, 'Studio ' || i from generate_series(1, 400) i;
insert into users select i, 1 + i % 400, 'Planner ' || i from generate_series(1, 4000) i;
insert into suppliers
select i, 1 + i % 400, (array['florist','dj','caterer','photographer'])[1 + i % 4], 'Supplier ' || i, 'Contact ' || i,
	'+44 1632 ' || lpad(i::text, 6, '0'), 'hello@supplier-' || i || '.example', 'Town ' || i % 90
from generate_series(1, 20000) i;
insert into weddings
select i, 1 + i % 400, 'Couple ' || i, date '2026-01-01' + i % 900, 'Venue ' || i % 3000,
	repeat('note ' || i || ' ', 12)
from generate_series(1, 100000) i
----
insert into wedding_suppliers
select 1 + (i::bigint * 48271) % 100000, 1 + (i::bigint * 7919 + i / 100000) % 20000, 500 + i % 4000
from steps
where i <= 600000
;
insert into clients
select i, 1 + (i::bigint * 48271) % 100000, 'Client ' || i, 'client' || i || '@example.org', '+44 7700 9' || i
from steps
where i <= 200000
;
insert into guests
select i, 1 + (i::bigint * 48271) % 100000, 'Guest ' || md5(i::text), 'guest' || i || '@example.org',
	(array['attending','declined','open'])[1 + i % 3],
	case when i % 7 = 0 then 'vegetarian' end,
	case when i % 5 = 0 and i > 100000 then i - 100000 end,
	timestamptz '2026-06-01' + i * interval '1 second'
from steps
where i <= 2600000
;
insert into payments
select i, 1 + (i::bigint * 48271) % 100000, 1 + (i::bigint * 7919) % 20000, 100 + i % 9000,
	date '2026-01-01' + i % 700, null
from steps
where i <= 600000
;
insert into tasks
select i, 1 + (i::bigint * 48271) % 100000, 'Task ' || md5(i::text),
	case when i % 2 = 0 then timestamptz '2026-05-01' end,
	case when i % 3 = 0 and i > 100000 then i - 100000 end
from steps
where i <= 1200000
;
insert into forms
select i, 1 + (i::bigint * 48271) % 100000, 'Form ' || i,
	jsonb_build_object('q1', md5(i::text), 'q2', repeat('Do you? ', 8))
from steps
where i <= 300000
;
insert into form_responses
select i, 1 + (i::bigint * 48271) % 300000,
	jsonb_build_object('a1', md5(i::text), 'a2', md5((i + 1)::text)),
	timestamptz '2026-06-01'
from steps
where i <= 1500000
;
insert into messages
select i, 1 + (i::bigint * 48271) % 100000, 1 + i % 4000,
	md5(i::text) || ' ' || md5((i * 2)::text) || ' ' || md5((i * 3)::text) || repeat(' and so on', 12),
	timestamptz '2026-01-01' + i * interval '3 seconds'
from steps
;
insert into files
select md5(i::text)::uuid, 1 + (i::bigint * 48271) % 100000, '/contracts/' || i || '.pdf', i * 100,
	sha256(i::text::bytea)
from steps
where i <= 500000
----
alter table wedding_suppliers add primary key (wedding_id, supplier_id);
alter table clients add primary key (id); create index on clients (wedding_id);
alter table payments add primary key (id); create index on payments (wedding_id);
alter table forms add primary key (id); create index on forms (wedding_id);
alter table files add primary key (id); create index on files (wedding_id)
;
alter table guests add primary key (id); create index on guests (wedding_id);
create index on guests (plus_one_of) where plus_one_of is not null
;
alter table tasks add primary key (id); create index on tasks (wedding_id);
create index on tasks (parent_id) where parent_id is not null
;
alter table form_responses add primary key (id); create index on form_responses (form_id)
;
alter table messages add primary key (id); create index on messages (wedding_id)
----
drop table steps;
alter table wedding_suppliers
	add foreign key (wedding_id) references weddings,
	add foreign key (supplier_id) references suppliers;
alter table clients add foreign key (wedding_id) references weddings;
alter table guests add foreign key (wedding_id) references weddings, add foreign key (plus_one_of) references guests;
alter table payments
	add foreign key (wedding_id) references weddings,
	add foreign key (supplier_id) references suppliers;
alter table tasks add foreign key (wedding_id) references weddings, add foreign key (parent_id) references tasks;
alter table forms add foreign key (wedding_id) references weddings;
alter table form_responses add foreign key (form_id) references forms;
alter table messages add foreign key (wedding_id) references weddings, add foreign key (sender_id) references users;
alter table files add foreign key (wedding_id) references weddings
