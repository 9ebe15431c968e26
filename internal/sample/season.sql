-- About one row in {EVERY}. Most of what a day leaves behind is new.
-- The rest touches the nearest weddings and the newest rows.
insert into public.event_logs (at, wedding_id, user_id, kind, path, agent, payload)
select now() - random() * interval '1 day', wedding_id, user_id, kind, path, agent,
       jsonb_build_object('ms', (random() * 900)::int, 'session', md5({SEED} || id::text))
from public.event_logs
where id % {EVERY} = {SEED} % {EVERY}
;
insert into public.audit_logs (organization_id, wedding_id, actor_id, action, object, change, ip, created_at)
select organization_id, wedding_id, actor_id, action, object,
       jsonb_build_object('field', 'notes', 'to', md5({SEED} || id::text)), ip, now() - random() * interval '1 day'
from public.audit_logs
where id % {EVERY} = {SEED} % {EVERY}
;
insert into public.messages (wedding_id, sender_id, body, created_at)
select wedding_id, sender_id, 'Re: ' || body || ' ' || md5({SEED} || id::text), now() - random() * interval '1 day'
from public.messages
where id % {EVERY} = {SEED} % {EVERY}
;
insert into public.communications (wedding_id, channel, recipient, subject, body, sent_at)
select wedding_id, channel, recipient, subject, body || ' ' || md5({SEED} || id::text),
       now() - random() * interval '1 day'
from public.communications
where id % {EVERY} = {SEED} % {EVERY}
;
insert into public.form_responses (form_id, wedding_id, answers, created_at)
select form_id, wedding_id, answers || jsonb_build_object('song', md5({SEED} || id::text)),
       now() - random() * interval '1 day'
from public.form_responses
where id % {EVERY} = {SEED} % {EVERY}
;
insert into public.guests (
    wedding_id, name, email, answer, dietary, table_number, address, extra, created_at, updated_at)
select wedding_id, 'Late ' || name, email, answer, dietary, table_number, address, extra, now(), now()
from public.guests
where id % ({EVERY} * 2) = {SEED} % ({EVERY} * 2)
;
update public.guests set answer = 'attending'
where id in (
    select id
    from public.guests
    order by id desc
    limit (select count(*) from public.guests) / ({EVERY} * 2))
;
update public.tasks set done_at = now()
where wedding_id in (select id from public.weddings where wedding_date between current_date and current_date + 3)
  and done_at is null
;
update public.weddings set notes = coalesce(notes, '') || ' ({SEED})'
where wedding_date between current_date and current_date + 3
;
delete from public.messages
where id in (
    select id
    from public.messages
    order by id desc
    limit (select count(*) from public.messages) / ({EVERY} * 50))
