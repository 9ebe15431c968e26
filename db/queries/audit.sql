-- name: LockAuditHead :one
-- Waits for the writer before; the lock ends with the transaction.
select last_id, hash from audit_head for update;

-- name: InsertAudit :exec
insert into audit_log (id, at, actor_id, actor_name, actor_role, organization, session, address, user_agent, action, target,
    outcome, detail, prev_hash, hash)
values (@id, @at, @actor_id, @actor_name, @actor_role, @organization, @session, @address, @user_agent, @action, @target,
    @outcome, @detail, @prev_hash, @hash);

-- name: AdvanceAuditHead :exec
update audit_head set last_id = @last_id, hash = @hash;

-- name: GetAuditHead :one
select last_id, hash from audit_head;

-- name: ListAuditFrom :many
select * from audit_log where id > @after order by id limit @most;
