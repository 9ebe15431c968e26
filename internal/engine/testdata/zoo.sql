-- A kind of object a line or two: what a platform's database may hold. psql runs it in an empty database called zoo,
-- as a superuser, where the roles owner1, app and "Odd Role" are. Add a kind whenever one is found that is lost.
\set ON_ERROR_STOP on
alter database zoo owner to owner1;
grant connect, temp on database zoo to app;
revoke connect on database zoo from public;
comment on database zoo is 'the zoo';
alter database zoo connection limit 50;
alter database zoo set work_mem='8MB';
alter database zoo set search_path = "$user", public, 'Odd Schema';
alter database zoo set datestyle='German';
alter database zoo set app.jwt='x''y';
alter database zoo set timezone='Europe/Berlin';
alter database zoo set default_transaction_isolation='serializable';
alter database zoo set intervalstyle='iso_8601';
alter database zoo set bytea_output='escape';
alter database zoo set extra_float_digits=0;
alter database zoo set standard_conforming_strings=off;
alter database zoo set default_transaction_read_only=on;
set default_transaction_read_only=off;
alter role app in database zoo set statement_timeout='5s';
create schema "Odd Schema" authorization owner1;
alter default privileges in schema public grant select on tables to app;
alter default privileges for role owner1 revoke execute on functions from public;

create type rs as enum ('a', 'B c', 'd''e');
create domain pos as int constraint poschk check (value > 0) not null default 5;
create table "Odd Schema"."T ""q"" t"(id serial primary key, "col umn" rs default 'B c', p pos, f float8, iv interval,
	b bytea, d date, x text collate "C");
insert into "Odd Schema"."T ""q"" t"("col umn", f, iv, b, d, x) values
	('a', 0.1, '1 day', '\x5c0027', '2020-02-03', E'\\n\\'),
	('d''e', 1e-300, '-1 day', '', '0001-01-01 BC', 'ü');
comment on column "Odd Schema"."T ""q"" t"."col umn" is E'it''s\n"x"';
alter table "Odd Schema"."T ""q"" t" alter x set statistics 500, alter x set storage external,
	alter f set (n_distinct = -0.5), alter b set compression pglz,
	set (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off), replica identity full;
create index "i x" on "Odd Schema"."T ""q"" t"(x text_pattern_ops desc nulls last) include (f)
	with (fillfactor = 60) where f > 0;
comment on index "Odd Schema"."i x" is 'ix';
alter table "Odd Schema"."T ""q"" t" cluster on "T ""q"" t_pkey";
create index ei on "Odd Schema"."T ""q"" t"((f*2));
alter index "Odd Schema".ei alter column 1 set statistics 77;
create statistics "Odd Schema".st (ndistinct, mcv) on x, f, (f*2) from "Odd Schema"."T ""q"" t";
alter statistics "Odd Schema".st set statistics 99;
comment on statistics "Odd Schema".st is 'st';
create sequence cyc as smallint increment -3 minvalue -10 maxvalue 10 start 7 cache 5 cycle;
select nextval('cyc');
create sequence nev;
select setval('nev', 44, false);

create table parent(id int, k text) partition by list(k);
create table pa partition of parent for values in ('a') with (fillfactor = 50);
create table pd partition of parent default;
create table dett(k text, id int);
alter table parent attach partition dett for values in ('z');
create function trf() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger tr after insert on parent for each row execute function trf();
alter table pa disable trigger tr;
alter table parent enable always trigger tr;
create trigger tr2 after update on parent referencing old table as o for each statement execute function trf();
insert into parent values (1, 'a'), (2, 'q'), (3, 'z');
create table nv(id int primary key, p int, q int);
insert into nv values (1, -1, 5);
alter table nv add constraint nvc check (p > 0) not valid;
alter table nv add constraint nvf foreign key (q) references nv(id) not valid;
alter table nv add constraint noinh check (p < 100) no inherit;
comment on constraint nvf on nv is 'nvf';
alter domain pos add constraint pos2 check (value < 3) not valid;
comment on constraint pos2 on domain pos is 'pos2';
create table cy1(id int primary key, o int);
create table cy2(id int primary key, o int references cy1 deferrable initially deferred);
alter table cy1 add constraint cyf foreign key (o) references cy2 on delete set null on update cascade deferrable;
insert into cy1 values (1, null);
insert into cy2 values (1, 1);
update cy1 set o = 1;

create view v1 as select n.id, n.p, count(*) from nv n join cy1 c on c.id = n.id group by n.id;
create view v2 with (security_barrier, security_invoker) as select * from nv where id > 0 with local check option;
comment on view v1 is 'v1';
create materialized view m2 as select * from v1;
create materialized view m1 as select count(*) c from m2;
create materialized view m0 with (fillfactor = 30) as select 1 x with no data;
create unique index on m1(c);
create materialized view mpk as select n.id, n.p from nv n group by n.id;
create view vi as select id, k from parent;
alter view vi alter k set default 'from the view';
create function tri() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger tri instead of insert on vi for each row execute function tri();
create rule ru as on insert to nv where new.id < 0 do instead nothing;
alter table nv disable rule ru;
comment on rule ru on nv is 'ru';
create rule ru2 as on update to nv do also nothing;
alter table nv enable replica rule ru2;
create policy p1 on nv for select to app, "Odd Role" using (id > 0);
alter table nv enable row level security, force row level security;
create policy p2 on nv as restrictive for all to public with check (id > 5);
comment on policy p2 on nv is 'p2';
grant select (id), update (p) on nv to app with grant option;
grant all on nv to "Odd Role";
revoke all on cy1 from postgres;
grant usage on sequence nev to app;
grant usage on type rs to app;
revoke usage on type pos from public;
grant execute on function trf to app;
set role app;
grant select(id) on nv to "Odd Role";
reset role;

create publication pb for table nv (id), parent where (id > 0) with (publish = 'insert', publish_via_partition_root);
create publication pall for all tables;
create publication pns for tables in schema "Odd Schema";
comment on publication pb is 'pb';
create aggregate agg(int) (sfunc = int4pl, stype = int, initcond = '0');
create operator === (leftarg = int, rightarg = int, function = int4eq);
create cast (rs as int) with inout;
create collation oc (provider = icu, locale = 'de-u-kn');
create collation nd (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table folded(name text collate nd primary key, n numeric, c char(9));
insert into folded values ('Ann-Bo', 1.50, 'x  '), ('', -0.0, '');
create text search configuration tsc (copy = english);
create text search dictionary td (template = simple, stopwords = english);
alter text search configuration tsc alter mapping for word with td, english_stem;
comment on text search configuration tsc is 'tsc';
create conversion cnv for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1;
create foreign data wrapper fw;
create server fs type 't' version '1' foreign data wrapper fw options (host 'h');
create user mapping for app server fs options (u 'x', password 'p''q');
create foreign table ft(id int options (c 'x')) server fs;
grant usage on foreign server fs to app;
grant usage on foreign data wrapper fw to app;
create procedure pr(inout a int) language plpgsql as $$ begin commit; end $$;
create function sqlb(i int) returns int language sql begin atomic select i + 1; end;
alter function sqlb owner to owner1;
create function setf() returns int language sql set search_path = pg_catalog set work_mem = '1MB' as 'select 1';
create function odd(out a int, inout b text default 'x', variadic c int[] default '{}') language sql
	immutable leakproof strict parallel safe cost 7 as 'select 1, b';
create function rowsf() returns setof int language sql stable security definer rows 7 as 'select 1';
revoke execute on function rowsf from public;
create operator class oc1 for type int using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=,
	operator 5 >, function 1 btint4cmp(int, int);
comment on operator class oc1 using btree is 'oc1';
create index on cy1 using btree(o oc1);
create access method heap2 type table handler heap_tableam_handler;
create table am2(id int) using heap2;
insert into am2 values (1);
create type span as range (subtype = float8, subtype_diff = float8mi, multirange_type_name = spans);
create table ranged(s span, m spans, exclude using gist (s with &&) where (not isempty(s)) deferrable);
insert into ranged values ('[1,2)', '{[1,2),[4,5)}'), ('empty', '{}');
create domain lists as int[] check (cardinality(value) < 5);
create type texts as (t text collate "C", l lists);
create table composed(c texts, cs texts[]);
insert into composed values (row('x', '{1,2}'), array[row(null, null)::texts]);
create type shelled;

create unlogged table ul(id int);
insert into ul values (1);
create unlogged sequence uls;
select nextval('uls');
create table inh(id int, x text, constraint inhc1 check (id < 100));
create table inhc(y int) inherits (inh);
alter table inhc alter id set default 4;
create table inhd(z int, constraint inhc1 check (id < 100)) inherits (inhc);
insert into inh values (1, 'a');
insert into inhc values (2, 'b', 3);
insert into inhd values (3, 'c', 4, 5);
create type rs2 as (a int, b text);
create table typed of rs2 (primary key(a));
insert into typed values (1, 'x'), (2, null);
create table zero();
insert into zero default values;
insert into zero default values;
create table gen(a int generated always as (4) stored);
insert into gen default values;
create table dropped(a int, b text, c int);
insert into dropped values (1, 'x', 2);
alter table dropped drop b;
alter table dropped add d text default 'miss';
insert into dropped values (3, 4, 'e');
create table ident(id bigint generated always as identity (start 10 increment 5 cycle maxvalue 90), b int
	generated by default as identity);
insert into ident(b) values (default), (7);
create table ri(id int not null, x text not null);
create unique index ri_x on ri(x) nulls not distinct;
alter table ri replica identity using index ri_x;
create sequence owned owned by ri.id;
alter table ri owner to owner1;
create constraint trigger late after insert on ri deferrable initially deferred for each row execute function trf();
comment on trigger late on ri is 'late';
alter table ri disable trigger all;
create table logs(id int, at date, primary key (id, at)) partition by range (at);
create table logs_a partition of logs for values from ('2025-01-01') to ('2026-01-01') partition by list (id);
create table logs_b partition of logs_a for values in (1, 2);
create table logs_c partition of logs_a default;
insert into logs values (1, '2025-02-03'), (9, '2025-02-03');
create table to_logs(id int, at date, foreign key (id, at) references logs);
insert into to_logs values (9, '2025-02-03');
create table mx(id int, x int) with (parallel_workers = 3);
comment on table mx is 'mx';
create index mx_brin on mx using brin(x) with (autosummarize);
create index mx_hash on mx using hash(x);

-- What a restore cannot make the same, and names.
create table stale_of(id int);
create materialized view stale as select * from stale_of;
insert into stale_of values (1);
create extension citext;
update pg_extension set extversion = '1.0' where extname = 'citext';
create table cased(t citext primary key);
insert into cased values ('Ann-Bo');
create table twins(x int);
insert into twins values (1), (1);
\set ON_ERROR_STOP off
create unique index concurrently twins_x on twins(x); -- fails, and leaves an invalid index
\set ON_ERROR_STOP on
create table pnvc(id int, k int) partition by list (k);
create table pnvc_a partition of pnvc for values in (1);
insert into pnvc values (-1, 1);
alter table pnvc add constraint pnvc_positive check (id > 0) not valid;
alter table pnvc_a add constraint own check (id > 5) not valid;

select lo_from_bytea(70001, repeat('abc', 3000)::bytea);
select lo_create(70002);
select lo_put(lo_create(70003), 100000, '\x01');
comment on large object 70001 is 'lo''s';
grant select on large object 70001 to app;
alter large object 70002 owner to owner1;
create subscription sub connection 'dbname=nowhere password=hidden' publication p
	with (connect = false, enabled = false, slot_name = none);
create function evf() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger evt on ddl_command_end when tag in ('CREATE TABLE') execute function evf();
comment on event trigger evt is 'evt';
create event trigger evoff on sql_drop execute function evf();
alter event trigger evoff disable;
