// Package operation runs what takes longer than a request: it queues operations, holds them by a lease with a fencing
// number, and writes down how they end. It knows no kind of operation, and judges nobody: a use case authorises its
// actor first, and calls it within its own transaction.
package operation

import (
	"context"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Name is the name of a kind in rows, in the API, and before ".end" in the audit trail.
type Name string

// Operation is one operation's row.
type Operation = sqlcgen.BackupOperation

// Queue is where operations of a kind wait. Each queue has workers of its own, so that an operation waits only for
// others of its queue.
type Queue string

// The queues.
const (
	QueueDefault Queue = "default"
	QueueBackup  Queue = "backup"  // so that no number of verifications keeps one waiting
	QueueRestore Queue = "restore" // what somebody waits for on a wedding day
)

// About says what a kind is.
type About struct {
	Name       Name
	Queue      Queue
	Permission keepsake.Permission // it takes to start and to stop an operation
	// Slots are what no other operation of the same platform has meanwhile; none where any number may run.
	Slots []Slot
	// Exclusive says that two attempts must never run at once, because both would write the same place. Whoever could not
	// renew its lease for so long that another may begin stops. Other kinds go on: their work is worth more than its row.
	Exclusive bool
	// Cancelled is the last line of the log of an operation that was cancelled after it began.
	Cancelled string
}

// Kind is what operations of one name do. Several goroutines call its methods at once.
type Kind interface {
	About() About
	// Run does the work. It tells r how far it is, and ends soon after ctx.
	Run(ctx context.Context, o Operation, r report.Reporter) (Report, error)
	// Stopped writes what follows from an end without a report, in the transaction that ends the operation. The
	// operation has failed, was cancelled after it began, or was given up.
	Stopped(ctx context.Context, tx db.Tx, o Operation) error
	// Describe adds what the kind knows to the entry in the audit trail that says how the operation ended.
	Describe(o Operation, e *audit.Entry)
}

// Settler is a Kind whose operations may have happened without anybody having written that down: what they do becomes
// final somewhere else. So none of them ends as cancelled unseen. One that was cancelled while its worker was gone is
// claimed once more, for Settle alone.
type Settler interface {
	Kind
	// Settle finds out whether an attempt did what was asked for, an earlier one or the one that Run has just ended, and
	// does nothing of it. It returns CodeUnknown when nobody can say. So does Run, when it cannot say that of its own
	// attempt or of an earlier one.
	Settle(ctx context.Context, o Operation) (r Report, happened bool, err error)
}

// Report is what a kind's Run found. The finish writes it.
type Report struct {
	// Row is what the finish writes into the operation's row: the figures and, of a backup, what it covers. The
	// machinery sets id, fence, state and result.
	Row sqlcgen.FinishOperationParams
	// Result is kept as JSON.
	Result any
	// Left is a line for the log, with its level, that says that something is left to be done. When it is "", the line
	// is "Done.".
	Level, Left string
	// Done, when set, writes what follows, in the transaction of the finish, which only the holder of the fence commits.
	Done func(ctx context.Context, tx db.Tx, o Operation) error
}
