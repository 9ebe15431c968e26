package handlers

import (
	"context"

	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Console is everything the pages need from *console.Console: the sum of what each action declares for itself.
type Console interface {
	platformKnower
	dashboardReader
	providerChecker
	emergencyReader
	backupStarter
	operationReader
	operationLister
	dutyLister
	scheduleReader
	retentionReader
	retentionStarter
	operationCanceller
	operationApprover
	operationWatcher
	pointLister
	pointReader
	pointSaver
	verifyStarter
	repairStarter
	restoreStarter
	scopeRestorer
	scopeUndoer
	scopeExporter
	weddingAtReader
	weddingLister
	milestoneSaver
	weddingChangesReader
	scopeExplainer
	auditLister
	auditExporter
	auditVerifier
}

// Standby is everything that the pages need from *console.Standby, which work while the console database is away.
type Standby interface {
	platformKnower
	emergencyReader
	pointReader
	pointLister
	weddingLister
	weddingReader
	weddingAtReader
	weddingChangesReader
	scopeExporter
}

// Auth is everything that the pages need to know who is signed in.
type Auth interface {
	Sessions
	SessionStarter
	SessionEnder
}

// Credentials is everything that pages and the JSON API need to know of an account's sessions, proofs, second steps
// and tokens.
type Credentials interface {
	tokenMaker
	prover
	sessionManager
	secondStepKeeper
	// ResolveToken returns who a token acts for; CodeForbidden where it is not valid.
	ResolveToken(ctx context.Context, token, address string) (keepsake.Actor, error)
}

var (
	_ Console     = (*console.Console)(nil)
	_ Auth        = (*auth.Sessions)(nil)
	_ Credentials = (*auth.Sessions)(nil)
	_ Standby     = (*console.Standby)(nil)
	_ Auth        = (*auth.Standby)(nil)
)
