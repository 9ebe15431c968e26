package console

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestsInput selects tests of recovery points, newest first.
type TestsInput struct {
	Point    string    // of this recovery point, or of the "latest"; empty: of all
	Kind     string    // verify, deep_verify, restore or partial_restore; empty: all
	Passed   *bool     // nil: these, and those that are incomplete
	From, To time.Time // made from then on, and before; zero: any
	Cursor   string    // TestPage.Next of the page before; empty: the newest
	Limit    int       // 1 to 200; 0: 50
}

// TestPage is one page of tests. Next is empty on the last.
type TestPage struct {
	Tests []PointTest
	Next  string
}

// TestDetail is one test with its findings. The report is that of its operation, because a verification may have
// looked at many points.
type TestDetail struct {
	PointTest
	Copies   []keepsake.Copy        // of this recovery point, as the test found them
	Proof    *engine.PointProof     // of this recovery point; nil: of a restore, or no report is kept
	Findings []engine.VerifyFinding // everything that the operation found wrong
	Missing  string                 // why there is no report, in words
}

// aeon is later than any test.
var aeon = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	lastID  = "ffffffff-ffff-ffff-ffff-ffffffffffff"
	firstID = "00000000-0000-0000-0000-000000000000"
)

// ListTests returns a page of tests. A test tells about everybody's data, so only an actor who may see the whole
// platform gets it.
func (c *Console) ListTests(ctx context.Context, actor keepsake.Actor, in TestsInput) (TestPage, error) {
	var page TestPage
	if err := mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return page, c.recordRefused(ctx, actor, audit.TestsList, "", nil, err)
	}
	if !plain(in.Kind) {
		return page, keepsake.Errorf(keepsake.CodeInvalid, "This cannot be looked for: it is no text.")
	}
	if in.Point != "" {
		_, id, err := c.pointID(ctx, actor, in.Point)
		if err != nil {
			return page, err
		}
		in.Point = id
	}
	limit := limitOf(in.Limit)
	var rows []sqlcgen.BackupTest
	err := c.db.InTx(ctx, actor, func(tx db.Tx) error {
		p := sqlcgen.ListAllTestsParams{
			BeforeAt: aeon,
			BeforeID: lastID,
			Since:    in.From,
			Kind:     in.Kind,
			Ok:       in.Passed,
			Most:     int32(limit + 1),
		}
		if !in.To.IsZero() {
			p.BeforeAt, p.BeforeID = in.To, firstID
		}
		if in.Cursor != "" {
			seen, err := testRow(ctx, tx, in.Cursor)
			if keepsake.CodeOf(err) == keepsake.CodeNotFound {
				return keepsake.Wrong("cursor", "this page of the list does not exist: begin with the first")
			}
			if err != nil {
				return err
			}
			p.BeforeAt, p.BeforeID = seen.TestedAt, seen.ID
		}
		var err error
		if in.Point == "" {
			rows, err = tx.ListAllTests(ctx, p)
			return err
		}
		rows, err = tx.ListPointTests(ctx, sqlcgen.ListPointTestsParams{
			PointID:  in.Point,
			BeforeAt: p.BeforeAt,
			BeforeID: p.BeforeID,
			Since:    p.Since,
			Kind:     p.Kind,
			Ok:       p.Ok,
			Most:     p.Most,
		})
		return err
	})
	if err != nil {
		return page, fmt.Errorf("list tests: %w", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = rows[limit-1].ID
	}
	for _, r := range rows {
		page.Tests = append(page.Tests, testOf(r))
	}
	return page, nil
}

// testRow returns a test by its id, or CodeNotFound.
func testRow(ctx context.Context, tx db.Tx, id string) (sqlcgen.BackupTest, error) {
	id, err := operationID(id)
	if err == nil {
		var row sqlcgen.BackupTest
		if row, err = tx.GetTest(ctx, id); err == nil || !db.IsNoRows(err) {
			return row, err
		}
	}
	return sqlcgen.BackupTest{}, keepsake.Errorf(keepsake.CodeNotFound, "There is no such test.")
}

// GetTest returns one test with its findings, or CodeNotFound.
func (c *Console) GetTest(ctx context.Context, actor keepsake.Actor, id string) (d TestDetail, err error) {
	defer func() { err = c.recordRefusedLook(ctx, actor, audit.TestRead, id, err) }()
	if err = mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return d, err
	}
	var o Operation
	err = c.db.InTx(ctx, actor, func(tx db.Tx) error {
		row, err := testRow(ctx, tx, id)
		if err != nil {
			return err
		}
		d.PointTest = testOf(row)
		if row.OperationID == nil {
			return nil
		}
		by, err := tx.GetOperation(ctx, *row.OperationID)
		if db.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		o, err = operationOf(by)
		return err
	})
	if err != nil {
		return d, fmt.Errorf("read a test: %w", err)
	}
	switch {
	case o.Verify != nil:
		d.Copies, d.Findings = o.Verify.Copies[d.Point], o.Verify.Findings
		if proof, found := o.Verify.Proofs[d.Point]; found {
			d.Proof = &proof
		}
	case o.Restore != nil:
		d.Findings = o.Restore.Damaged
	default:
		d.Missing = "The operation that made this test is not known any more, and its report went with it. Verify the " +
			"recovery point again to know how it stands."
	}
	return d, nil
}
