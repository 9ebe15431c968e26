-- What a database holds beside rows, one fact a line, the fact's kind and the object's name first.
-- psql -qXAt -f facts.sql prints it; a database and its restored copy print the same. PostgreSQL 15 and newer.
\pset footer off
set search_path = pg_catalog;
set standard_conforming_strings = on;
set default_transaction_read_only = off; -- for the view and the functions below, which go with the session
create temp view ns as select * from pg_namespace
	where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(temp|toast)';

-- acl is an access list in an order that does not depend on the order of its grants.
create function pg_temp.acl(items aclitem[]) returns text[] language sql
	as $$ select array_agg(x::text order by x::text) from unnest(items) x $$;
-- of is a column of a catalog that has this name on newer or on older servers only.
create function pg_temp.of(item jsonb, variadic names text[]) returns text language sql
	as $$ select item ->> n from unnest(names) n where item ? n limit 1 $$;

select 'db', 'the database', datlocprovider, pg_encoding_to_char(encoding), datcollate, datctype,
	pg_temp.of(to_jsonb(d), 'datlocale', 'daticulocale'), pg_temp.of(to_jsonb(d), 'daticurules'), datconnlimit,
	datistemplate, datallowconn, pg_get_userbyid(datdba), pg_temp.acl(datacl), shobj_description(oid, 'pg_database'),
	(select spcname from pg_tablespace t where t.oid = dattablespace)
	from pg_database d where datname = current_database();
select 'dbset', coalesce(r.rolname, '-'), setconfig from pg_db_role_setting s left join pg_roles r on r.oid = setrole
	where setdatabase = (select oid from pg_database where datname = current_database()) order by 2;
select 'ext', extname, extversion, nspname, pg_get_userbyid(extowner), obj_description(e.oid, 'pg_extension'),
	(select array_agg(x::regclass::text) from unnest(extconfig) x), extcondition
	from pg_extension e join pg_namespace n on n.oid = extnamespace order by 2;
select 'extmember', extname, pg_describe_object(classid, objid, objsubid)
	from pg_depend d join pg_extension e on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
	where deptype = 'e' order by 2, 3;
select 'extdepend', pg_describe_object(classid, objid, objsubid), extname
	from pg_depend d join pg_extension e on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
	where deptype = 'x' order by 2, 3;

select 'cls', c.oid::regclass::text, relkind, relpersistence, pg_get_userbyid(relowner), pg_temp.acl(relacl),
	relrowsecurity, relforcerowsecurity, relreplident, relispopulated, relispartition, reloptions,
	(select amname from pg_am where oid = relam), obj_description(c.oid, 'pg_class'), relhasrules, relhastriggers,
	relhassubclass, reloftype::regtype, pg_get_expr(relpartbound, c.oid), pg_get_partkeydef(c.oid),
	(select reloptions from pg_class x where x.oid = c.reltoastrelid),
	(select spcname from pg_tablespace t where t.oid = c.reltablespace)
	from pg_class c join ns on ns.oid = relnamespace order by 2, 3;
select 'inh', inhrelid::regclass::text, inhparent::regclass::text, inhseqno, inhdetachpending
	from pg_inherits order by 2, 4;
select 'att', attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
	attgenerated, nullif(attstattarget, -1), attstorage, attcompression,
	-- a mark that newer minor versions set for themselves is none of the platform's options
	(select array_agg(o order by o) from unnest(attoptions) o where o not like 'pg\_attver=%'), attfdwoptions,
	attcollation::regcollation, pg_temp.acl(attacl), pg_get_expr(adbin, adrelid),
	to_json(col_description(attrelid, attnum)), attislocal, attinhcount
	from pg_attribute a join pg_class c on c.oid = attrelid join ns on ns.oid = relnamespace
	left join pg_attrdef on adrelid = attrelid and adnum = attnum
	where attnum > 0 and not attisdropped order by 2, 3;
select 'con', case when contypid <> 0 then contypid::regtype::text else conrelid::regclass::text end, conname,
	contype, condeferrable, condeferred, convalidated, conislocal, coninhcount,
	case when contype not in ('p', 'u', 'x') then connoinherit end, pg_get_constraintdef(c.oid),
	obj_description(c.oid, 'pg_constraint'), pg_temp.of(to_jsonb(c), 'conenforced'),
	pg_temp.of(to_jsonb(c), 'conperiod')
	from pg_constraint c join ns on ns.oid = connamespace order by 2, 3;
select 'idx', indexrelid::regclass::text, indisunique, indisprimary, indisexclusion, indimmediate, indisclustered,
	indisvalid, indisready, indisreplident, indnullsnotdistinct, pg_get_indexdef(indexrelid)
	from pg_index i join pg_class c on c.oid = indexrelid join ns on ns.oid = relnamespace order by 2;
select 'idxstat', c.oid::regclass::text, attname, attstattarget from pg_attribute a join pg_class c on c.oid = attrelid
	where relkind = 'i' and attstattarget >= 0 order by 2, 3;
select 'trg', tgrelid::regclass::text, case when tgisinternal then 'internal' else tgname end, tgenabled,
	case when tgisinternal then '' else pg_get_triggerdef(t.oid) end, obj_description(t.oid, 'pg_trigger'), count(*)
	from pg_trigger t group by 1, 2, 3, 4, 5, 6 order by 2, 3, 4, 5;
select 'evt', evtname, evtevent, evtenabled, evttags, evtfoid::regproc, pg_get_userbyid(evtowner),
	obj_description(oid, 'pg_event_trigger') from pg_event_trigger order by 2;
select 'rule', ev_class::regclass::text, rulename, ev_type, ev_enabled, is_instead,
	regexp_replace(pg_get_ruledef(r.oid), '\s+', ' ', 'g'),
	obj_description(r.oid, 'pg_rewrite')
	from pg_rewrite r join pg_class c on c.oid = ev_class join ns on ns.oid = relnamespace order by 2, 3;
select 'pol', polrelid::regclass::text, polname, polcmd, polpermissive,
	(select array_agg(x order by x) from (select case r when 0 then 'public' else r::regrole::text end x
		from unnest(polroles) r) y),
	pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy')
	from pg_policy order by 2, 3;

select 'pub', pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
	pg_get_userbyid(pubowner), obj_description(oid, 'pg_publication'), pg_temp.of(to_jsonb(p), 'pubgencols')
	from pg_publication p order by 2;
select 'pubrel', pubname, prrelid::regclass::text, pg_get_expr(prqual, prrelid),
	(select array_agg(attname order by attname) from pg_attribute where attrelid = prrelid and attnum = any(prattrs))
	from pg_publication_rel r join pg_publication p on p.oid = prpubid order by 2, 3;
select 'pubns', pubname, pnnspid::regnamespace
	from pg_publication_namespace r join pg_publication p on p.oid = pnpubid order by 2, 3;
select 'sub', subname, subenabled, subslotname, subpublications from pg_subscription
	where subdbid = (select oid from pg_database where datname = current_database()) order by 2;
select 'stat', stxnamespace::regnamespace || '.' || stxname, pg_get_statisticsobjdef(oid), nullif(stxstattarget, -1),
	pg_get_userbyid(stxowner), obj_description(oid, 'pg_statistic_ext') from pg_statistic_ext order by 2;
select 'defacl', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, defaclobjtype, pg_temp.acl(defaclacl)
	from pg_default_acl order by 2, 3, 4;
select 'seclabel', objname, objtype, provider, label from pg_seclabels order by 2, 3;
select 'init', classoid::regclass, privtype, count(*) from pg_init_privs where privtype = 'e' group by 2, 3 order by 2;
select 'nsp', nspname, pg_get_userbyid(nspowner), pg_temp.acl(nspacl), obj_description(oid, 'pg_namespace')
	from pg_namespace where nspname !~ '^pg_temp|^pg_toast' order by 2;
select 'proc', p.oid::regprocedure::text, prokind, pg_get_userbyid(proowner), pg_temp.acl(proacl), proconfig,
	prosecdef, proleakproof, proisstrict, provolatile, proparallel, procost, prorows, prosupport::regproc,
	case when prokind in ('f', 'p') then md5(pg_get_functiondef(p.oid)) end, obj_description(p.oid, 'pg_proc')
	from pg_proc p join ns on ns.oid = pronamespace order by 2;
select 'agg', aggfnoid::regprocedure::text, to_jsonb(a) - 'aggfnoid' - 'aggtranstype' - 'aggmtranstype' - 'aggsortop',
	aggtranstype::regtype, aggmtranstype::regtype, aggsortop::regoperator
	from pg_aggregate a join pg_proc p on p.oid = aggfnoid join ns on ns.oid = pronamespace order by 2;
select 'typ', t.oid::regtype::text, typtype, pg_get_userbyid(typowner), pg_temp.acl(typacl), typstorage, typnotnull,
	typdefault, format_type(typbasetype, typtypmod), typcollation::regcollation, obj_description(t.oid, 'pg_type')
	from pg_type t join ns on ns.oid = typnamespace order by 2;
select 'enum', enumtypid::regtype::text, string_agg(enumlabel, ',' order by enumsortorder)
	from pg_enum group by 2 order by 2;
select 'range', rngtypid::regtype::text, rngsubtype::regtype, rngmultitypid::regtype, rngcollation::regcollation,
	rngcanonical, rngsubdiff, (select opcname from pg_opclass where oid = rngsubopc) from pg_range
	where rngtypid >= 16384 order by 2;
select 'lom', oid, pg_get_userbyid(lomowner), pg_temp.acl(lomacl), obj_description(oid, 'pg_largeobject')
	from pg_largeobject_metadata order by 2;
select 'lo', loid, count(*), md5(string_agg(pageno::text || encode(data, 'hex'), '' order by pageno))
	from pg_largeobject group by 2 order by 2;
select 'lang', lanname, pg_get_userbyid(lanowner), pg_temp.acl(lanacl), obj_description(oid, 'pg_language')
	from pg_language order by 2;
select 'cast', castsource::regtype::text, casttarget::regtype::text, castcontext, castmethod, castfunc::regprocedure,
	obj_description(oid, 'pg_cast') from pg_cast where oid >= 16384 order by 2, 3;
select 'transform', trftype::regtype::text, trffromsql, trftosql from pg_transform order by 2;
select 'opr', o.oid::regoperator::text, pg_get_userbyid(oprowner), oprcom::regoperator, oprnegate::regoperator, oprcode,
	oprrest, oprjoin, oprcanhash, oprcanmerge, obj_description(o.oid, 'pg_operator')
	from pg_operator o join ns on ns.oid = oprnamespace order by 2;
select 'opc', opcnamespace::regnamespace || '.' || opcname, amname, opcintype::regtype, opcdefault,
	opckeytype::regtype, pg_get_userbyid(opcowner), obj_description(c.oid, 'pg_opclass')
	from pg_opclass c join pg_am a on a.oid = opcmethod join ns on ns.oid = opcnamespace order by 2, 3;
select 'opf', opfnamespace::regnamespace || '.' || opfname, amname, pg_get_userbyid(opfowner),
	(select array_agg(amopstrategy || ' ' || amopopr::regoperator order by amopstrategy, amopopr::regoperator::text)
		from pg_amop where amopfamily = f.oid),
	(select array_agg(amprocnum || ' ' || amproc order by amprocnum, amproc::text)
		from pg_amproc where amprocfamily = f.oid), obj_description(f.oid, 'pg_opfamily')
	from pg_opfamily f join pg_am a on a.oid = opfmethod join ns on ns.oid = opfnamespace order by 2, 3;
select 'am', amname, amhandler, amtype, obj_description(oid, 'pg_am') from pg_am order by 2;
select 'fdw', fdwname, pg_get_userbyid(fdwowner), fdwhandler::regproc, fdwvalidator::regproc, pg_temp.acl(fdwacl),
	fdwoptions, obj_description(oid, 'pg_foreign_data_wrapper') from pg_foreign_data_wrapper order by 2;
select 'fs', srvname, srvtype, srvversion, srvoptions, pg_temp.acl(srvacl), pg_get_userbyid(srvowner),
	obj_description(oid, 'pg_foreign_server') from pg_foreign_server order by 2;
select 'um', srvname, usename, (select array_agg(o order by o) from unnest(umoptions) o)
	from pg_user_mappings order by 2, 3;
select 'ft', ftrelid::regclass::text, ftoptions from pg_foreign_table order by 2;
select 'coll', collnamespace::regnamespace || '.' || collname, pg_encoding_to_char(collencoding), collprovider,
	collcollate, collctype, pg_temp.of(to_jsonb(c), 'colllocale', 'colliculocale'),
	pg_temp.of(to_jsonb(c), 'collicurules'), collisdeterministic, pg_get_userbyid(collowner),
	obj_description(c.oid, 'pg_collation') from pg_collation c join ns on ns.oid = collnamespace order by 2;
select 'conv', conname, pg_encoding_to_char(conforencoding), pg_encoding_to_char(contoencoding), conproc, condefault,
	pg_get_userbyid(conowner), obj_description(c.oid, 'pg_conversion')
	from pg_conversion c join ns on ns.oid = connamespace order by 2;
select 'tsc', c.oid::regconfig::text, pg_get_userbyid(cfgowner), (select prsname from pg_ts_parser p
		where p.oid = cfgparser), (select array_agg(maptokentype || ' ' || mapdict::regdictionary
		order by maptokentype, mapseqno) from pg_ts_config_map where mapcfg = c.oid),
	obj_description(c.oid, 'pg_ts_config') from pg_ts_config c join ns on ns.oid = cfgnamespace order by 2;
select 'tsd', d.oid::regdictionary::text, pg_get_userbyid(dictowner), dictinitoption, (select tmplname
		from pg_ts_template t where t.oid = dicttemplate), obj_description(d.oid, 'pg_ts_dict')
	from pg_ts_dict d join ns on ns.oid = dictnamespace order by 2;
select format('select ''seq'', %L, last_value, is_called from %s', c.oid::regclass, c.oid::regclass)
	from pg_class c where relkind = 'S' order by 1 \gexec
select 'seqdef', seqrelid::regclass::text, seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache,
	seqcycle, (select refobjid::regclass::text || '.' || attname from pg_depend d
		join pg_attribute on attrelid = refobjid and attnum = refobjsubid
		where d.classid = 'pg_class'::regclass and d.objid = seqrelid and d.refclassid = 'pg_class'::regclass
		and deptype in ('a', 'i')) from pg_sequence order by 2;
