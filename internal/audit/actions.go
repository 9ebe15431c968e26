package audit

import (
	"slices"
	"strings"
)

// Action is the name that the trail has for what somebody did or tried to do. Every action that is recorded is one of
// the constants, and has its words in actions.
type Action string

// The actions. Migrations name some of them in written_because, which says which entry explains a row; a test holds
// that both agree.
const (
	SessionStart           Action = "session.start"
	SessionEnd             Action = "session.end"
	SessionUse             Action = "session.use"
	SessionProve           Action = "session.prove"
	SessionPassword        Action = "session.password"
	SecondStepBegin        Action = "second_step.begin"
	SecondStepOn           Action = "second_step.on"
	SecondStepOff          Action = "second_step.off"
	SecondStepCodes        Action = "second_step.codes"
	SecondStepRecoveryCode Action = "second_step.recovery_code"
	SecondStepRead         Action = "second_step.read"
	SessionList            Action = "session.list"
	TokenList              Action = "token.list"
	TokenCreate            Action = "token.create"
	TokenUse               Action = "token.use"
	TokenRevoke            Action = "token.revoke"
	AccountCreate          Action = "account.create"
	AccountClose           Action = "account.close"
	AccountUnlock          Action = "account.unlock"
	AccountPassword        Action = "account.password"
	AccountElsewhere       Action = "account.elsewhere"
	RequestSend            Action = "request.send"
	BackupEstimate         Action = "backup.estimate"
	BackupStart            Action = "backup.start"
	BackupEnd              Action = "backup.end"
	BackupFound            Action = "backup.found"
	VerifyStart            Action = "verify.start"
	VerifyEnd              Action = "verify.end"
	RepairStart            Action = "repair.start"
	ProviderCheck          Action = "provider.check"
	RepairEnd              Action = "repair.end"
	RetentionStart         Action = "retention.start"
	RetentionEnd           Action = "retention.end"
	RetentionRead          Action = "retention.read"
	RestoreStart           Action = "restore.start"
	RestoreEnd             Action = "restore.end"
	RestoreTarget          Action = "restore.target"
	ScopePreview           Action = "scope.preview"
	ScopeRestore           Action = "scope.restore"
	ScopeRestoreRead       Action = "scope.restore.read"
	ScopeUndo              Action = "scope.undo"
	ScopedEnd              Action = "scoped.end"
	ScopeExport            Action = "scope.export"
	ScopeExplain           Action = "scope.explain"
	WeddingRead            Action = "wedding.read"
	MilestoneSave          Action = "milestone.save"
	MilestoneLook          Action = "milestone.look"
	PointSave              Action = "point.save"
	ApprovalAsk            Action = "approval.ask"
	ApprovalGive           Action = "approval.give"
	ApprovalExpire         Action = "approval.expire"
	OperationCancel        Action = "operation.cancel"
	OperationRead          Action = "operation.read"
	PointRead              Action = "point.read"
	OverviewRead           Action = "overview.read"
	OperationsList         Action = "operations.list"
	ComplianceRead         Action = "compliance.read"
	TestsList              Action = "tests.list"
	TestRead               Action = "test.read"
	DutiesList             Action = "duties.list"
	ScheduleRead           Action = "schedule.read"
	SchemaRead             Action = "schema.read"
	PointsList             Action = "points.list"
	WeddingsList           Action = "weddings.list"
	OrganizationsList      Action = "organizations.list"
	RepositoryRebuild      Action = "repository.rebuild"
	RepositoryAddProvider  Action = "repository.add_provider"
	KeyRepository          Action = "key.repository"
	KeyWriter              Action = "key.writer"
	AlertTest              Action = "alert.test"
	SettingsChange         Action = "settings.change"
	TrailRead              Action = "audit.read"
	TrailExport            Action = "audit.export"
	TrailSeal              Action = "audit.seal"
	TrailSection           Action = "audit.section"
	AlertTell              Action = "alert.tell"
	PointSync              Action = "point.sync"
	TrailVerify            Action = "audit.verify"
	DatabaseWrite          Action = "database.write"
	TrailBegin             Action = "audit.begin"
	TrailBroken            Action = "audit.broken"
)

// EndOf returns the action that ends an operation of a kind.
func EndOf(kind string) Action { return Action(kind + ".end") }

// Watch says which entries of an action alert people. Entries of every action alert when somebody was refused who may
// not do it or did it too often, and when something did not work.
type Watch int

// What entries of an action alert people of.
const (
	WatchNone    Watch = iota
	WatchProof         // it proves who somebody is: a security event where that fails
	WatchAlways        // it changes who gets in, the keys or the trail: a security event however it ends
	WatchRestore       // people who want to know of restores are told
)

// Words describe an action in sentences.
type Words struct {
	Action  Action
	Did, Do string // "somebody did", "somebody tried to do"; of what waits for a worker, did is that they asked for it
	Named   bool   // the target says what it was about; otherwise it is an operation's id or nothing
	Watch   Watch
}

// actions are all actions, in the order of the page's list.
var actions = []Words{
	{SessionStart, "signed in", "sign in", false, WatchProof},
	{SessionEnd, "signed out, or ended a session", "sign out, or end a session", false, WatchProof},
	{SessionUse, "used a session from another address than before", "use a session that is over", false, WatchNone},
	{SessionProve, "gave the password or a code again", "give the password or a code again", false, WatchProof},
	{SessionPassword, "gave the right password, and was asked for the second step",
		"give the password", false, WatchProof},
	{SecondStepBegin, "began to set up a second step of signing in",
		"set up a second step of signing in", false, WatchAlways},
	{SecondStepOn, "switched the second step of signing in on",
		"switch the second step of signing in on", false, WatchAlways},
	{SecondStepOff, "switched the second step of signing in off for",
		"switch the second step of signing in off for", true, WatchAlways},
	{SecondStepCodes, "made new recovery codes", "make new recovery codes", false, WatchAlways},
	{SecondStepRecoveryCode, "signed in with a recovery code", "sign in with a recovery code", false, WatchAlways},
	{SecondStepRead, "looked at the second step of signing in",
		"look at the second step of signing in", false, WatchAlways},
	{SessionList, "listed sessions", "list sessions", false, WatchProof},
	{TokenList, "listed tokens", "list tokens", false, WatchProof},
	{TokenCreate, "made a token", "make a token", false, WatchAlways},
	{TokenUse, "used a token", "use a token that is not valid", false, WatchProof},
	{TokenRevoke, "revoked a token", "revoke a token", false, WatchAlways},
	{AccountCreate, "made the account of", "make the account of", true, WatchAlways},
	{AccountClose, "closed the account of", "close the account of", true, WatchAlways},
	{AccountUnlock, "lifted the lock-out of", "lift the lock-out of", true, WatchAlways},
	{AccountPassword, "set a new password for", "set a new password for", true, WatchAlways},
	{AccountElsewhere, "came from Supabase Auth for the first time, or with another role, organization or address",
		"come from Supabase Auth", false, WatchAlways},
	{RequestSend, "sent a request", "send the request", true, WatchNone},
	{BackupEstimate, "looked at what a backup would take", "look at what a backup would take", false, WatchNone},
	{BackupStart, "asked for a backup", "start a backup", false, WatchNone},
	{BackupEnd, "finished a backup", "finish a backup", false, WatchNone},
	{BackupFound, "put backups that were taken elsewhere into the list of operations",
		"list backups that were taken elsewhere", false, WatchNone},
	{VerifyStart, "asked for a verification", "start a verification", false, WatchNone},
	{VerifyEnd, "finished a verification", "finish a verification", false, WatchNone},
	{RepairStart, "asked for a repair", "start a repair", false, WatchNone},
	{ProviderCheck, "checked provider", "check provider", true, WatchNone},
	{RepairEnd, "finished a repair", "finish a repair", false, WatchNone},
	{RetentionStart, "asked to remove the recovery points that no rule keeps",
		"remove the recovery points that no rule keeps", false, WatchNone},
	{RetentionEnd, "finished the removal of recovery points that no rule keeps",
		"finish the removal of recovery points that no rule keeps", false, WatchNone},
	{RetentionRead, "looked at which recovery points stay", "look at which recovery points stay", false, WatchNone},
	{RestoreStart, "asked for a restore into a new database",
		"start a restore into a new database", false, WatchRestore},
	{RestoreEnd, "finished a restore into a new database",
		"finish a restore into a new database", false, WatchNone},
	{RestoreTarget, "named another server for a restore", "name another server for a restore", false, WatchNone},
	{ScopePreview, "looked at what a restore into the live platform would change",
		"look at what a restore into the live platform would change", false, WatchNone},
	{ScopeRestore, "asked to restore", "restore", true, WatchRestore},
	{ScopeRestoreRead, "looked at a restore into the live platform",
		"look at a restore into the live platform", false, WatchNone},
	{ScopeUndo, "asked to undo a restore into the live platform",
		"undo a restore into the live platform", false, WatchRestore},
	{ScopedEnd, "finished a restore into the live platform",
		"finish a restore into the live platform", false, WatchNone},
	{ScopeExport, "exported", "export", true, WatchNone},
	{ScopeExplain, "looked at what belongs to a wedding", "look at what belongs to a wedding", false, WatchNone},
	{WeddingRead, "read", "read", true, WatchNone},
	{MilestoneSave, "changed a milestone of", "change a milestone of", true, WatchNone},
	{MilestoneLook, "looked for weddings that reached a milestone",
		"look for weddings that reached a milestone", false, WatchNone},
	{PointSave, "changed the note, labels or lock of", "change the note, labels or lock of", true, WatchNone},
	{ApprovalAsk, "asked for approval of a restore", "ask for approval of a restore", false, WatchAlways},
	{ApprovalGive, "approved a restore", "approve a restore", false, WatchAlways},
	{ApprovalExpire, "ended a restore that nobody approved",
		"end a restore that nobody approved", false, WatchAlways},
	{OperationCancel, "cancelled an operation", "cancel an operation", false, WatchNone},
	{OperationRead, "looked at an operation", "look at an operation", false, WatchNone},
	{PointRead, "looked at a recovery point", "look at a recovery point", false, WatchNone},
	{OverviewRead, "looked at the overview", "look at the overview", false, WatchNone},
	{OperationsList, "listed the operations", "list the operations", false, WatchNone},
	{ComplianceRead, "looked at how things stand against the rules",
		"look at how things stand against the rules", false, WatchNone},
	{TestsList, "listed the tests of recovery points", "list the tests of recovery points", false, WatchNone},
	{TestRead, "looked at a test of a recovery point", "look at a test of a recovery point", false, WatchNone},
	{DutiesList, "listed the duties", "list the duties", false, WatchNone},
	{ScheduleRead, "looked at the schedule", "look at the schedule", false, WatchNone},
	{SchemaRead, "read the schema of a recovery point", "read the schema of a recovery point", false, WatchNone},
	{PointsList, "listed the recovery points", "list the recovery points", false, WatchNone},
	{WeddingsList, "listed the weddings", "list the weddings", false, WatchNone},
	{OrganizationsList, "listed the organizations", "list the organizations", false, WatchNone},
	{RepositoryRebuild, "filled the console database from provider",
		"fill the console database from provider", true, WatchNone},
	{RepositoryAddProvider, "began to use provider", "begin to use provider", true, WatchNone},
	{KeyRepository, "made the repository and its keys, or looked whether they are there",
		"make the repository and its keys", false, WatchAlways},
	{KeyWriter, "printed the key of writers", "print the key of writers", false, WatchAlways},
	{AlertTest, "sent a test to the addresses that alerts go to",
		"send a test to the addresses that alerts go to", false, WatchNone},
	{SettingsChange, "started Keepsake with other settings than before",
		"start Keepsake with other settings than before", false, WatchAlways},
	{TrailRead, "read the audit trail", "read the audit trail", false, WatchNone},
	{TrailExport, "exported the audit trail", "export the audit trail", false, WatchNone},
	{TrailSeal, "sealed the audit trail", "seal the audit trail", false, WatchNone},
	{TrailSection, "found the end of the audit trail broken",
		"find the end of the audit trail broken", false, WatchAlways},
	{AlertTell, "told people of what is on record", "tell people of what is on record", false, WatchNone},
	{PointSync, "took notes, labels, locks or removals over from the repository",
		"take notes, labels, locks or removals over from the repository", false, WatchNone},
	{TrailVerify, "verified the audit trail", "verify the audit trail", false, WatchNone},
	{DatabaseWrite, "changed, past Keepsake, a row of table", "change a row of table", true, WatchAlways},
	{TrailBegin, "put on record that the audit trail began anew, in the place of",
		"put on record that the audit trail began anew", true, WatchAlways},
	{TrailBroken, "found the audit trail not as it was written, at",
		"keep the audit trail as it was written: it was found changed at", true, WatchAlways},
}

// Actions returns all actions with their words, in the order of the page's list.
func Actions() []Words { return slices.Clone(actions) }

// WordsOf returns an action's words. For an action that only a newer version knows, they are its name.
func WordsOf(a Action) Words {
	for _, w := range actions {
		if w.Action == a {
			return w
		}
	}
	words := strings.NewReplacer(".", " ", "_", " ").Replace(string(a))
	return Words{Action: a, Did: "did: " + words, Do: "do: " + words}
}
