package console

import (
	"slices"

	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

// Kind names what an operation does.
type Kind = operation.Name

// The kinds of operation. Each is a file: kind_NAME.go.
const (
	KindBackup  Kind = "backup"
	KindVerify  Kind = "verify"
	KindRepair  Kind = "repair" // copies what providers lack from those that have it
	KindRestore Kind = "restore"
	KindScoped  Kind = "scoped" // into the live platform: a wedding, an organization, tiers, everything
	// KindRetention takes recovery points away that no rule keeps.
	KindRetention Kind = "retention"
)

// kind is a kind of operation with what the console alone asks of it.
type kind interface {
	operation.Kind
	// resultOf returns where in an operation its result is read to.
	resultOf(o *Operation) any
}

// kindsOf are all kinds, as a console runs them; nil: to look them up only.
func kindsOf(c *Console) []kind {
	return []kind{backups{c}, verifications{c}, repairs{c}, restores{c}, scopedRestores{c}, retentions{c}}
}

var allKinds = kindsOf(nil)

// Kinds returns the names of all kinds.
func Kinds() []Kind {
	names := make([]Kind, len(allKinds))
	for i, k := range allKinds {
		names[i] = k.About().Name
	}
	return names
}

func kindNamed(name Kind) (kind, error) {
	i := slices.IndexFunc(allKinds, func(k kind) bool { return k.About().Name == name })
	if i < 0 {
		return nil, keepsake.Errorf(keepsake.CodeInternal,
			"This version of Keepsake knows no operation of the kind %q: a newer one has written it.", name)
	}
	return allKinds[i], nil
}

// aboutKind returns what a kind says of itself. An operation of a kind that this version does not know may be stopped
// by whoever may back up.
func aboutKind(name Kind) operation.About {
	k, err := kindNamed(name)
	if err != nil {
		return operation.About{Name: name, Queue: operation.QueueDefault, Permission: keepsake.MayBackup}
	}
	return k.About()
}

// scopeEntry says in the audit trail which wedding a restore was about.
func scopeEntry(row sqlcgen.BackupOperation, e *audit.Entry) {
	if o, err := operationOf(row); err == nil && o.Asked != nil {
		e.WeddingID = o.Asked.Scope.WeddingID()
	}
}
