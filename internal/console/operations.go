package console

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	defaultLimit = 50
	mostLimit    = 200
	// mostLog is how many lines OperationLog returns where the caller does not say.
	mostLog = 10000
)

// operationID refuses what cannot be the id of an operation, so that it never reaches a query.
func operationID(id string) (string, error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return id, keepsake.Errorf(keepsake.CodeNotFound, "There is no operation %q.", id)
	}
	return u.String(), nil
}

// GetOperation returns one operation with its progress and result, or CodeNotFound.
func (c *Console) GetOperation(ctx context.Context, actor keepsake.Actor, id string) (_ Operation, err error) {
	defer func() { err = c.recordRefusedLook(ctx, actor, audit.OperationRead, id, err) }()
	if id, err = operationID(id); err != nil {
		return Operation{}, err
	}
	var o Operation
	err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
		o, err = c.observe(ctx, tx, actor, id)
		return err
	})
	if db.IsNoRows(err) {
		return Operation{}, keepsake.Errorf(keepsake.CodeNotFound, "There is no operation %s.", id)
	}
	if err != nil {
		return Operation{}, fmt.Errorf("read operation %s: %w", id, err)
	}
	if o.Asked != nil && o.Point != "" && o.State.Active() { // whoever approves it decides by what is known by now
		p, err := c.platformNamed(o.Platform)
		if err == nil {
			o.Asked.Suspects, err = c.suspectsOf(ctx, p, actor, o.Point)
		}
		if err != nil {
			return Operation{}, err
		}
	}
	return o, nil
}

// readOperation returns the row of an operation that the actor may look at. A token without the scope "read" is shown
// what its person has asked for, approved or cancelled: whoever may begin something may wait for its end.
func readOperation(ctx context.Context, tx db.Tx, actor keepsake.Actor, id string) (sqlcgen.BackupOperation, error) {
	row, err := tx.GetOperation(ctx, id)
	if err != nil && !db.IsNoRows(err) {
		return row, err
	}
	own := err == nil && (row.RequestedBy == actor.ID || row.ApprovedBy == actor.ID || row.CancelRequestedBy != nil &&
		*row.CancelRequestedBy == actor.Name)
	if refused := mayAct(actor, keepsake.MayRead); refused != nil && !own {
		return row, refused
	}
	return row, err
}

// ListOperations returns a page of operations, newest first.
func (c *Console) ListOperations(ctx context.Context, actor keepsake.Actor, in ListInput) (OperationPage, error) {
	if err := mayAct(actor, keepsake.MayRead); err != nil {
		return OperationPage{}, c.recordRefused(ctx, actor, audit.OperationsList, "", nil, err)
	}
	of, err := c.platformMeant(actor, in.Platform)
	if err != nil {
		return OperationPage{}, c.recordRefused(ctx, actor, audit.OperationsList, "", nil, err)
	}
	if actor.Organization != "" || in.Organization != "" || in.WeddingID != "" { // keys of another platform may be equal
		in.Platform = of.Name
	}
	if actor.Organization != "" && in.Organization == actor.Organization {
		in.Organization = "" // they see no others
	}
	if actor.Organization != "" && in.Organization != "" {
		return OperationPage{}, nil
	}
	if actor.Organization != "" && in.aboutCoverage() {
		err := keepsake.Errorf(keepsake.CodeForbidden,
			"Which tiers, vendors and days of weddings a backup covers is told to those who may see the whole platform. Leave "+
				"that filter out.")
		return OperationPage{}, c.recordRefused(ctx, actor, audit.OperationsList, "", nil, err)
	}
	theirs, err := of.weddingsOf(ctx, actor, in.Organization)
	if err != nil {
		return OperationPage{}, err
	}
	p := sqlcgen.ListOperationsParams{
		Platform:     in.Platform,
		Organization: orNil(actor.Organization),
		Kind:         string(in.Kind),
		State:        string(in.State),
		Active:       in.Active,
	}
	if !plain(string(in.Kind) + string(in.State) + string(in.Type) + string(in.Tier) + in.WeddingID +
		string(in.CoversTier) + in.Milestone) {
		return OperationPage{}, keepsake.Errorf(keepsake.CodeInvalid, "This cannot be looked for: it is no text.")
	}
	if in.Cursor != "" {
		before, err := operationID(in.Cursor)
		if err != nil {
			return OperationPage{}, keepsake.Wrong("cursor", "this page of the list does not exist: begin with the first")
		}
		p.Before = &before
	}
	limit := limitOf(in.Limit)
	p.Most = int32(limit + 1)
	var page OperationPage
	err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
		if f := in.filter(p, theirs); f != nil {
			page.Operations, err = filterOperations(ctx, tx, *f)
		} else {
			page.Operations, err = listOperations(ctx, tx, p)
		}
		if err != nil {
			return err
		}
		return c.listen(ctx, tx, each(page.Operations)...)
	})
	if err != nil {
		return page, fmt.Errorf("list operations: %w", err)
	}
	if len(page.Operations) > limit {
		page.Operations = page.Operations[:limit]
		page.Next = page.Operations[limit-1].ID
	}
	return page, nil
}

func limitOf(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, mostLimit)
}

func listOperations(ctx context.Context, tx db.Tx, p sqlcgen.ListOperationsParams) ([]Operation, error) {
	rows, err := tx.ListOperations(ctx, p)
	if err != nil {
		return nil, err
	}
	return operationsOf(rows, func(r sqlcgen.ListOperationsRow) sqlcgen.BackupOperation {
		return sqlcgen.BackupOperation(
			r)
	})
}

func filterOperations(ctx context.Context, tx db.Tx, f sqlcgen.FilterOperationsParams) ([]Operation, error) {
	if err := tx.PlanForValues(ctx); err != nil {
		return nil, err
	}
	rows, err := tx.FilterOperations(ctx, f)
	if err != nil {
		return nil, err
	}
	return operationsOf(rows, func(r sqlcgen.FilterOperationsRow) sqlcgen.BackupOperation {
		return sqlcgen.BackupOperation(
			r)
	})
}

func operationsOf[R any](rows []R, whole func(R) sqlcgen.BackupOperation) (_ []Operation, err error) {
	list := make([]Operation, len(rows))
	for i, r := range rows {
		if list[i], err = operationOf(whole(r)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// OperationLog returns lines of an operation's log, oldest first: the newest lines, or those after an event. A limit
// of 0 means ten thousand.
func (c *Console) OperationLog(ctx context.Context, actor keepsake.Actor, id string, after int64, limit int) (
	_ []LogLine, err error) {
	defer func() { err = c.recordRefusedLook(ctx, actor, audit.OperationRead, id, err) }()
	if id, err = operationID(id); err != nil {
		return nil, err
	}
	if limit <= 0 || limit > mostLog {
		limit = mostLog
	}
	var lines []LogLine
	err = c.db.InTx(ctx, actor, func(tx db.Tx) error {
		o, err := readOperation(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		lines, err = readLog(ctx, tx, id, after, o.LastEventID, limit)
		return err
	})
	if db.IsNoRows(err) {
		return nil, keepsake.Errorf(keepsake.CodeNotFound, "There is no operation %s.", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read the log of operation %s: %w", id, err)
	}
	return lines, nil
}

// readLog returns the lines after an event, or the newest when after is 0, up to the event upto.
func readLog(ctx context.Context, tx db.Tx, id string, after, upto int64, limit int) ([]LogLine, error) {
	var lines []LogLine
	if after > 0 {
		rows, err := tx.ListEvents(ctx, sqlcgen.ListEventsParams{
			OperationID: id,
			After:       after,
			Upto:        upto,
			Most:        int32(limit),
		})
		for _, r := range rows {
			lines = append(lines, LogLine{ID: r.ID, LogLine: engine.LogLine{Time: r.At, Level: r.Level, Message: r.Message}})
		}
		return lines, err
	}
	rows, err := tx.ListLastEvents(ctx, sqlcgen.ListLastEventsParams{OperationID: id, Upto: upto, Most: int32(limit)})
	for _, r := range slices.Backward(rows) {
		lines = append(lines, LogLine{ID: r.ID, LogLine: engine.LogLine{Time: r.At, Level: r.Level, Message: r.Message}})
	}
	return lines, err
}

// IsOthersRestore reports whether the operation is a restore that has not ended and that another actor asked for.
func (o Operation) IsOthersRestore(actor keepsake.Actor) bool {
	return o.State.Active() && aboutKind(o.Kind).Permission == keepsake.MayRestore && o.RequestedByID != actor.ID
}

// CancelOperation stops an operation. One that waits ends at once. One that runs ends within seconds, in whatever
// process it runs. What a cancelled backup has uploaded stays, and the next one uses it. A cancelled restore leaves
// its unfinished database. For an operation that has ended CancelOperation returns CodeConflict. Whoever may start an
// operation of this kind may stop it. Somebody else's restore takes a recent proof of identity.
func (c *Console) CancelOperation(ctx context.Context, actor keepsake.Actor, id string) error {
	id, err := operationID(id)
	if err == nil && !actor.May(keepsake.MayRestore) { // what it is, is not for everybody to know
		err = mayAct(actor, keepsake.MayBackup)
	}
	return c.attemptJudged(ctx, actor, err, audit.OperationCancel, id, nil, func(tx db.Tx) (string, error) {
		row, err := tx.GetOperation(ctx, id) // row-level security shows an organization's admin that organization's
		if db.IsNoRows(err) {
			return id, keepsake.Errorf(keepsake.CodeNotFound, "There is no operation %s.", id)
		}
		if err != nil {
			return id, fmt.Errorf("read operation %s: %w", id, err)
		}
		if err := mayAct(actor, aboutKind(Kind(row.Kind)).Permission); err != nil {
			return id, err
		}
		o := Operation{Kind: Kind(row.Kind), State: State(row.State), RequestedByID: row.RequestedBy}
		if o.IsOthersRestore(actor) {
			if err := c.mustBeProven(actor); err != nil {
				return id, err
			}
		}
		return id, c.runner.Cancel(ctx, tx, actor, id)
	})
}
