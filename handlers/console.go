package handlers

import (
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/console"
)

// Console is everything the pages need from *console.Console: the sum of what each action declares for itself.
type Console interface {
	dashboardReader
	backupStarter
	operationReader
	operationLister
	operationCanceller
	operationWatcher
	pointLister
	pointReader
	verifyStarter
	restoreStarter
	weddingRestorer
	weddingUndoer
	weddingAtReader
	weddingLister
	milestoneSaver
	weddingChangesReader
}

// Auth is everything the pages need to know who is there.
type Auth interface {
	Sessions
	SessionStarter
	SessionEnder
}

var (
	_ Console = (*console.Console)(nil)
	_ Auth    = (*auth.Sessions)(nil)
)
