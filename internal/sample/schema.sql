-- The database of a wedding-planning platform, as its application would have grown it.
create extension if not exists pg_trgm;

create type public.wedding_status as enum ('enquiry', 'booked', 'planning', 'final_details', 'married', 'cancelled');
create type public.rsvp_answer as enum ('invited', 'attending', 'declined', 'maybe');
create type public.supplier_kind as enum (
	'venue', 'photographer', 'videographer', 'caterer',
	'florist', 'band', 'dj', 'cake',
	'hair_makeup', 'stationer', 'celebrant', 'transport');
create domain public.email_address as text check (value ~ '^[^@\s]+@[^@\s]+$');

create table public.organizations (
	id uuid primary key,
	name text not null,
	slug text not null unique,
	country text not null,
	plan text not null,
	billing_email public.email_address not null,
	settings jsonb not null default '{}',
	created_at timestamptz not null);
comment on table public.organizations is 'Planning studios; every wedding belongs to one';

create table public.users (
	id uuid primary key,
	organization_id uuid not null,
	email public.email_address not null unique,
	full_name text not null,
	role text not null,
	last_sign_in_at timestamptz,
	last_sign_in_ip inet,
	created_at timestamptz not null,
	updated_at timestamptz not null);

create table public.user_profiles (
	user_id uuid primary key,
	phone text,
	locale text not null,
	time_zone text not null,
	avatar_url text,
	preferences jsonb not null default '{}');

create table public.suppliers (
	id uuid primary key,
	organization_id uuid not null,
	kind public.supplier_kind not null,
	name text not null,
	contact_name text not null,
	email public.email_address not null,
	phone text not null,
	city text not null,
	rating numeric(2, 1),
	tags text[] not null default '{}',
	created_at timestamptz not null);
comment on table public.suppliers is 'Shared by weddings: one photographer works at many';

create table public.weddings (
	id uuid primary key,
	organization_id uuid not null,
	couple text not null,
	wedding_date date not null,
	venue text not null,
	city text not null,
	time_zone text not null,
	status public.wedding_status not null,
	budget numeric(12, 2) not null,
	guest_target int not null,
	planner_id uuid,
	lead_client_id bigint,
	notes text,
	created_at timestamptz not null,
	updated_at timestamptz not null);

create table public.clients (
	id bigint generated always as identity,
	wedding_id uuid not null,
	first_name text not null,
	last_name text not null,
	email public.email_address not null,
	phone text,
	full_name text generated always as (first_name || ' ' || last_name) stored,
	created_at timestamptz not null);

create table public.guests (
	id bigint generated always as identity,
	wedding_id uuid not null,
	plus_one_of bigint,
	name text not null,
	email text,
	phone text,
	answer public.rsvp_answer not null,
	dietary text,
	table_number int,
	address text,
	extra jsonb not null default '{}',
	created_at timestamptz not null,
	updated_at timestamptz not null);

create table public.seating_tables (
	wedding_id uuid not null,
	number int not null,
	label text not null,
	seats int not null);

create table public.wedding_suppliers (
	wedding_id uuid not null,
	supplier_id uuid not null,
	service text not null,
	price numeric(10, 2) not null,
	arrives_at time,
	confirmed boolean not null,
	notes text);

create table public.tasks (
	id bigint generated always as identity,
	wedding_id uuid not null,
	parent_id bigint,
	title text not null,
	due_on date,
	done_at timestamptz,
	assigned_to uuid,
	created_at timestamptz not null);

create table public.timeline_events (
	id bigint generated always as identity,
	wedding_id uuid not null,
	starts_at timestamptz not null,
	minutes int not null,
	title text not null,
	place text,
	owner text);

create table public.budget_items (
	id bigint generated always as identity,
	wedding_id uuid not null,
	category text not null,
	planned numeric(10, 2) not null,
	actual numeric(10, 2),
	paid boolean not null default false);

create table public.payments (
	id bigint generated always as identity,
	wedding_id uuid not null,
	supplier_id uuid,
	amount numeric(10, 2) not null,
	currency char(3) not null,
	method text not null,
	due_on date not null,
	paid_at timestamptz,
	reference text not null,
	created_at timestamptz not null);

create table public.forms (
	id bigint generated always as identity,
	wedding_id uuid not null,
	title text not null,
	fields jsonb not null,
	published boolean not null,
	created_at timestamptz not null);

create table public.form_responses (
	id bigint generated always as identity,
	form_id bigint not null,
	wedding_id uuid not null,
	answers jsonb not null,
	created_at timestamptz not null);

create table public.journey_instances (
	id bigint generated always as identity,
	wedding_id uuid not null,
	journey text not null,
	step int not null,
	state jsonb not null,
	updated_at timestamptz not null);

create table public.files (
	id bigint generated always as identity,
	wedding_id uuid not null,
	name text not null,
	mime_type text not null,
	size_bytes bigint not null,
	sha256 text not null,
	thumbnail bytea,
	uploaded_by uuid,
	created_at timestamptz not null);

create table public.communications (
	id bigint generated always as identity,
	wedding_id uuid not null,
	channel text not null,
	recipient text not null,
	subject text not null,
	body text not null,
	sent_at timestamptz not null);

create table public.messages (
	id bigint generated always as identity,
	wedding_id uuid not null,
	sender_id uuid,
	body text not null,
	read_by uuid[] not null default '{}',
	created_at timestamptz not null);

create table public.audit_logs (
	id bigint generated always as identity,
	organization_id uuid not null,
	wedding_id uuid,
	actor_id uuid,
	action text not null,
	object text not null,
	change jsonb not null,
	ip inet,
	created_at timestamptz not null);

create table public.event_logs (
	id bigint generated always as identity,
	at timestamptz not null,
	wedding_id uuid,
	user_id uuid,
	kind text not null,
	path text not null,
	agent text,
	payload jsonb not null) partition by range (at);
