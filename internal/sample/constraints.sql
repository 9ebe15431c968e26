-- Everything that is faster after the rows. Blocks are as in fill.sql.
-- Keys and indexes are made side by side, then the foreign keys in one transaction, then what reads the tables.
-- Foreign keys that were made side by side would wait for each other in circles.
alter table public.event_logs add primary key (id, at)
;
create index on public.event_logs (wedding_id)
;
alter table public.audit_logs add primary key (id)
;
create index on public.audit_logs (wedding_id, created_at)
;
alter table public.messages add primary key (id)
;
create index on public.messages (wedding_id, created_at)
;
alter table public.guests add primary key (id)
;
create index on public.guests (wedding_id)
;
create index guests_attending on public.guests (wedding_id) where answer = 'attending'
;
alter table public.communications add primary key (id)
;
create index on public.communications (wedding_id, sent_at)
;
alter table public.form_responses add primary key (id)
;
create index on public.form_responses (wedding_id)
;
alter table public.files add primary key (id)
;
alter table public.clients add primary key (id)
;
alter table public.seating_tables add primary key (wedding_id, number)
;
alter table public.wedding_suppliers add primary key (wedding_id, supplier_id)
;
alter table public.tasks add primary key (id)
;
alter table public.timeline_events add primary key (id)
;
alter table public.budget_items add primary key (id)
;
alter table public.payments add primary key (id)
;
alter table public.forms add primary key (id)
;
alter table public.journey_instances add primary key (id)
;
create index on public.weddings (organization_id, wedding_date)
;
create index on public.weddings using gin (couple gin_trgm_ops)
;
create index on public.tasks (wedding_id, due_on) where done_at is null
;
create index on public.payments (wedding_id)
;
create index on public.journey_instances using gin (state jsonb_path_ops)
----
alter table public.users add foreign key (organization_id) references public.organizations;
alter table public.user_profiles add foreign key (user_id) references public.users on delete cascade;
alter table public.suppliers add foreign key (organization_id) references public.organizations;
alter table public.weddings add foreign key (organization_id) references public.organizations;
alter table public.weddings add foreign key (planner_id) references public.users;
alter table public.clients add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.weddings add foreign key (lead_client_id) references public.clients deferrable initially deferred;
alter table public.guests add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.guests add foreign key (plus_one_of) references public.guests on delete set null;
alter table public.guests add foreign key (wedding_id, table_number)
	references public.seating_tables (wedding_id, number);
alter table public.seating_tables add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.wedding_suppliers add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.wedding_suppliers add foreign key (supplier_id) references public.suppliers;
alter table public.tasks add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.tasks add foreign key (parent_id) references public.tasks on delete cascade;
alter table public.timeline_events add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.budget_items add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.payments add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.payments add foreign key (supplier_id) references public.suppliers;
alter table public.forms add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.form_responses add foreign key (form_id) references public.forms on delete cascade;
alter table public.form_responses add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.journey_instances add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.files add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.communications add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.messages add foreign key (wedding_id) references public.weddings on delete cascade;
alter table public.messages add foreign key (sender_id) references public.users;
alter table public.audit_logs add foreign key (organization_id) references public.organizations;
alter table public.event_logs add foreign key (wedding_id) references public.weddings on delete cascade
----
create view public.guest_counts as
	select wedding_id, count(*) filter (where answer = 'attending') as attending, count(*) as invited
	from public.guests
	group by wedding_id;
create materialized view public.organization_seasons as
	select organization_id, extract(year from wedding_date)::int as season, count(*) as weddings, sum(budget) as budget
	from public.weddings
	group by 1, 2;
create unique index on public.organization_seasons (organization_id, season);
create function public.touch_updated_at() returns trigger language plpgsql as $$
begin
	new.updated_at := now();
	return new;
end
$$;
create trigger weddings_touch before update on public.weddings
	for each row execute function public.touch_updated_at();
create trigger guests_touch before update on public.guests
	for each row execute function public.touch_updated_at();
alter table public.weddings enable row level security;
create policy own_organization on public.weddings
	using (organization_id::text = current_setting('app.organization', true));
create sequence public.invoice_numbers start 10000
