-- Codes of authenticators at Supabase Auth that have opened a session: it takes a code again as long as its time lasts, Keepsake does not.
-- +goose Up

create table used_codes (
    code_hash bytea primary key, -- of the authenticator's id and the code
    used_at   timestamptz not null,
    constraint used_codes_hash_is_sha256 check (length(code_hash) = 32)
);
create index used_codes_by_time on used_codes (used_at);
alter table used_codes enable row level security, force row level security;
create policy used_codes_system on used_codes using (keepsake_is_system()) with check (keepsake_is_system());

-- +goose Down
drop table used_codes;
