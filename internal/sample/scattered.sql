-- Every {EVERY}th row of each large table, evenly.
update public.guests
set dietary = 'none', extra = extra || jsonb_build_object('job', {SEED})
where id % {EVERY} = {SEED} % {EVERY}
;
update public.form_responses
set answers = answers || jsonb_build_object('job', {SEED})
where id % {EVERY} = {SEED} % {EVERY}
;
update public.files
set name = name || '.{SEED}'
where id % {EVERY} = {SEED} % {EVERY}
;
update public.communications
set subject = subject || ' {SEED}'
where id % {EVERY} = {SEED} % {EVERY}
;
update public.messages
set body = body || ' {SEED}'
where id % {EVERY} = {SEED} % {EVERY}
;
update public.audit_logs
set change = change || jsonb_build_object('job', {SEED})
where id % {EVERY} = {SEED} % {EVERY}
;
update public.event_logs
set payload = payload || jsonb_build_object('job', {SEED})
where id % {EVERY} = {SEED} % {EVERY}
