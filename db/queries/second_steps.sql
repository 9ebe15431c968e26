-- name: BeginSecondStep :execrows
-- A secret that was never confirmed is replaced; one that is in use is not.
insert into second_steps as s (account_id, secret, created_at) values (@account_id, @secret, sqlc.arg(now))
on conflict (account_id) do update set secret = excluded.secret, created_at = excluded.created_at
where s.confirmed_at is null;

-- name: GetSecondStep :one
select s.secret, s.created_at, s.confirmed_at, s.last_step,
    (select count(*) from recovery_codes r where r.account_id = s.account_id and r.used_at is null) as codes_left,
    coalesce((select max(r.created_at) from recovery_codes r where r.account_id = s.account_id),
        s.created_at)::timestamptz as codes_made
from second_steps s where s.account_id = @account_id;

-- name: LockSecondStep :one
-- Since when it is on, held until the transaction ends: nobody switches it off meanwhile.
select confirmed_at from second_steps where account_id = @account_id for update;

-- name: ConfirmSecondStep :execrows
-- Only with the very secret that was looked at: another page may have replaced it meanwhile.
update second_steps set confirmed_at = sqlc.arg(now)::timestamptz, last_step = @step
where account_id = @account_id and confirmed_at is null and secret = @secret;

-- name: TakeCode :execrows
-- Takes the code of these 30 seconds, once: of two that come at the same time one finds last_step moved on.
update second_steps
set last_step = @step
where account_id = @account_id and confirmed_at is not null and last_step < @step and secret = @secret;

-- name: TakeRecoveryCode :execrows
update recovery_codes r set used_at = sqlc.arg(now)::timestamptz
where r.account_id = @account_id and r.code_hash = @code_hash and r.used_at is null
    and exists (select from second_steps s where s.account_id = r.account_id and s.confirmed_at is not null);

-- name: DeleteRecoveryCodes :exec
delete from recovery_codes where account_id = @account_id;

-- name: InsertRecoveryCodes :exec
insert into recovery_codes (account_id, code_hash, created_at)
select @account_id, unnest(@hashes::bytea[]), sqlc.arg(now);

-- name: DeleteSecondStep :execrows
delete from second_steps where account_id = @account_id;

-- name: ListSecondSteps :many
-- For the note in the repository: who is asked for a second step, and what answers it.
select s.account_id, s.secret,
    array(
        select r.code_hash
        from recovery_codes r
        where r.account_id = s.account_id and r.used_at is null
        order by r.code_hash)::bytea[] as codes
from second_steps s where s.confirmed_at is not null;

-- name: GetAccount :one
select * from accounts where id = @id and disabled_at is null;
