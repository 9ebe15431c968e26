-- Everything that a platform may hold and that a naive copy loses.
create schema "Odd Schema";
create schema other;
create type public.rsvp as enum ('yes', 'no', 'mäybe', 'with ''quote''');
create type public.address as (street text, zip varchar(10), "Geo Pos" point);
create domain public.email as text check (value ~ '@');
create domain public.positive as int check (value > 0);
create type public.period as range (subtype = timestamptz);
create sequence other.plain start 5 increment 3;
select setval('other.plain', 50, false);
create sequence other.used;
select setval('other.used', 777, true);

create table public.organizations (id int primary key, name text not null);
insert into organizations values (1, 'Älteste & Söhne'), (2, E'tab\there');

create table public.weddings (
	id uuid primary key, organization_id int references organizations, couple text, wedding_date date, lead_guest bigint);
insert into weddings
select md5(i::text)::uuid, 1 + i % 2, 'Couple ' || i, '2026-11-23'::date + i
from generate_series(1, 500) i;

create table public.guests (
	id bigint generated always as identity primary key,
	wedding_id uuid not null references weddings on delete cascade,
	plus_one_of bigint references guests deferrable initially deferred,
	name text not null,
	answer rsvp default 'yes',
	answers rsvp[],
	contact email,
	addr address,
	addrs address[],
	stay tstzrange,
	stays period[],
	ages int4multirange,
	seats positive,
	tags text[][],
	extra jsonb,
	shout text generated always as (upper(name)) stored,
	ip inet,
	amount numeric,
	money_ money,
	bits bit varying(9),
	x xml,
	ts tsvector);
comment on table guests is 'Who comes; the "quoted" ones too';
comment on column guests.shout is 'generated';
insert into guests (wedding_id, name, answers, contact, addr, addrs, stay, stays, ages, seats, tags, extra,
	ip, amount, money_, bits, x, ts)
select md5((1 + i % 500)::text)::uuid,
	case i % 7
		when 0 then E'\\N'
		when 1 then E'tab\there\nnewline\\'
		when 2 then 'Zoë 💍'
		when 3 then ''
		else 'guest ' || i
	end,
	array['yes', 'mäybe']::rsvp[],
	'g' || i || '@example.org',
	row('Street, "' || i, ('00' || i)::varchar(10), point(i, -i))::address,
	array[row('a', null, null)::address, null],
	tstzrange(now(), now() + '1 day'),
	array[period('-infinity', 'infinity')],
	'{[1,5),[7,9)}',
	1 + i % 9,
	'{{a,b},{c,NULL}}',
	jsonb_build_object('i', i, 'ä', '€', 'n', null),
	'10.0.0.1/8',
	i::numeric / 7,
	12.34,
	b'10101',
	'<a b="c"/>',
	to_tsvector('simple', 'hello wedding ' || i)
from generate_series(1, 3000) i;
update guests set plus_one_of = id - 1 where id % 5 = 0;
alter table weddings add constraint weddings_lead
	foreign key (lead_guest) references guests deferrable initially deferred;
update weddings w set lead_guest = (select min(id) from guests g where g.wedding_id = w.id);
commit;

create table "Odd Schema"."Mixed ""Case"" Tablé" ("Ünï ""q"" col" int, "select" text, "WHERE" float8);
insert into "Odd Schema"."Mixed ""Case"" Tablé" values
	(1, 'x', 'NaN'),
	(2, null, 'infinity'),
	(3, E'\\.', '-infinity'),
	(1, 'x', 'NaN');
create table other.dates (d date, t timestamptz, n numeric, i interval, f float4);
insert into other.dates values
	('infinity', '-infinity', 'NaN', '1 year -3 days 04:05:06.789', 1.1),
	('4713-01-01 BC', '0044-03-15 12:00+00 BC', 1e-30, '-1 mon', '-0');
create table other.zero_columns ();
insert into other.zero_columns select from generate_series(1, 7);
create table other.empty (id int, v text);
create table other.dropped (a int, b text, c int, d text default 'late');
insert into other.dropped select i, 'b' || i, i, 'd' from generate_series(1, 100) i;
alter table other.dropped drop column b;
alter table other.dropped add column e text default 'added without a rewrite';
create table other.only_generated (a int, b int generated always as (a * 2) stored);
insert into other.only_generated (a) values (1), (2);

create table public.logs (id bigint, at date not null, line text, primary key (id, at)) partition by range (at);
create table public.logs_2025 partition of logs for values from ('2025-01-01') to ('2026-01-01') partition by list (id);
create table public.logs_2025_a partition of logs_2025 for values in (1, 2, 3);
create table public.logs_2025_b partition of logs_2025 default;
create table public.logs_2026 partition of logs for values from ('2026-01-01') to ('2027-01-01');
insert into logs
select i % 9, '2025-06-01'::date + i, 'line ' || i
from generate_series(1, 500) i
on conflict do nothing;
create table public.parent (id int, v text);
create table public.child (extra text) inherits (parent);
insert into parent values (1, 'in parent');
insert into child values (2, 'in child', 'more');

create table public.composite_a (x int, y text, primary key (x, y));
create table public.composite_b (x int, y text, z int, foreign key (x, y) references composite_a);
insert into composite_a values (1, 'a'), (2, 'b');
insert into composite_b values (1, 'a', 1), (null, 'q', 2);

create table public.big (id int primary key, body bytea, note text);
insert into big select 1, decode(string_agg(md5(i::text), ''), 'hex'), 'big' from generate_series(1, 400000) i;
insert into big values (2, '\x00ff', null);

create unlogged table other.scratch (id int);
insert into other.scratch values (1);

create view public.guest_count as select wedding_id, count(*) as n from guests group by 1;
create materialized view public.totals as select sum(n) as n from guest_count;
create materialized view other.totals_of_totals as select n * 2 as n from public.totals;
create materialized view other.never_filled as select 1 as one with no data;
create unique index totals_n on totals (n);
create index guests_extra on guests using gin (extra);
create index guests_partial on guests (name) where answer = 'yes';
create index guests_expr on guests (lower(name) desc nulls last);

create function public.touch() returns trigger language plpgsql as $fn$
begin
	raise exception 'a trigger of the platform fired during a restore; -- not a comment';
end $fn$;
create trigger guests_touch before insert or update or delete on guests
	for each row execute function touch();
create function public.add(a int, b int default 2) returns int language sql immutable as 'select a + b';
create procedure public.noop() language sql as 'select 1';
create aggregate public.total(int) (sfunc = int4pl, stype = int, initcond = '0');
alter table guests enable row level security;
alter table guests force row level security;
create policy own on guests using (answer <> 'no') with check (true);
create rule ignore_deletes as on delete to other.empty do instead nothing;
create statistics other.dropped_stats on a, c from other.dropped;
alter table other.dropped alter column a set statistics 500;
create publication changes for table weddings;

select lo_from_bytea(4711, decode(repeat('00ff10', 20000), 'hex'));
select lo_from_bytea(4712, '');
comment on large object 4711 is 'a contract';
