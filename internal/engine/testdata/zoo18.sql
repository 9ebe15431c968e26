-- Kinds that came with PostgreSQL 18, for the zoo.
\set ON_ERROR_STOP on
set default_transaction_read_only=off;
create table vg(a int, b int generated always as (a * 2) virtual, c int generated always as (a + 1) stored);
insert into vg values (1), (2);
create table only_virtual(b int generated always as (7));
insert into only_virtual default values;
create table tk(id int4range, at daterange, other int4range, primary key (id, at without overlaps),
	constraint tku unique (other, at without overlaps));
create table tfk(id int4range, tk_id int4range, at daterange,
	foreign key (tk_id, period at) references tk (id, period at));
insert into tk values ('[1,2)', '[2026-01-01,2026-06-01)', '[5,6)'), ('[1,2)', '[2026-06-01,2026-09-01)', '[5,6)');
insert into tfk values ('[7,8)', '[1,2)', '[2026-05-01,2026-08-01)');
create table nn(a int constraint "a is there" not null, b int, c int, d int, constraint b_nn not null b no inherit);
insert into nn values (1, 2, null, 4);
alter table nn add constraint c_nn not null c not valid;
comment on constraint "a is there" on nn is 'named';
create table nnc(e int, constraint d_nn not null d) inherits (nn);
insert into nnc values (2, null, 3, 4, 5);
alter table nn add constraint unenforced check (a > 100) not enforced;
create table nf(id int, nv_id int, constraint nf_nv foreign key (nv_id) references nv(id) not enforced);
insert into nf values (1, 4711);
create table nfp(id int, nv_id int references nv(id) not enforced) partition by list (id);
create table nfp_a partition of nfp default;
insert into nfp values (1, 4712);
alter default privileges grant select on large objects to app;
select lo_create(70018);
create collation pu (provider = builtin, locale = 'PG_UNICODE_FAST');
create table uu(id uuid default uuidv7(), t text collate pu);
insert into uu(t) values ('ß');
create publication pgen for table vg with (publish_generated_columns = stored);
create table pnv(id int, nv_id int) partition by list (id);
create table pnv_a partition of pnv default;
insert into pnv values (1, 4713);
alter table pnv add constraint pnv_nv foreign key (nv_id) references nv(id) not valid;
