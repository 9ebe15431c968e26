package engine

import (
	"github.com/wedsync/keepsake/internal/engine/check"
	"github.com/wedsync/keepsake/internal/engine/removal"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scoped"
	"github.com/wedsync/keepsake/internal/engine/verify"
	"github.com/wedsync/keepsake/internal/engine/weddings"
)

// What an operation says, under the names that callers know.
type (
	BackupInput      = report.BackupInput
	BackupResult     = report.BackupResult
	Point            = report.Point
	PointDetail      = report.PointDetail
	PointTable       = report.PointTable
	VerifyInput      = report.VerifyInput
	VerifyResult     = report.VerifyResult
	PointProof       = report.PointProof
	TableProof       = report.TableProof
	VerifyFinding    = report.VerifyFinding
	RestoreInput     = report.RestoreInput
	RestoreResult    = report.RestoreResult
	RestoreEnd       = report.RestoreEnd
	CheckFinding     = report.CheckFinding
	Stage            = report.Stage
	ItemState        = report.ItemState
	Progress         = report.Progress
	TableProgress    = report.TableProgress
	ProviderProgress = report.ProviderProgress
	LogLine          = report.LogLine
	Reporter         = report.Reporter
)

// The repository at its providers.
type (
	Provider          = replicas.Provider
	PointList         = replicas.PointList
	Unasked           = replicas.Unasked
	PointMark         = replicas.PointMark
	Kept              = replicas.Kept
	Note              = replicas.Note
	Notes             = replicas.Notes
	Vault             = replicas.Vault
	ProviderHealth    = replicas.ProviderHealth
	InitResult        = replicas.InitResult
	AddProviderResult = replicas.AddProviderResult
)

// What retention does.
type (
	RemovalInput    = removal.Input
	RemovalResult   = removal.Result
	RemovalFreed    = removal.Freed
	RemovedPoint    = repository.RemovedPoint
	PendingPoint    = removal.PendingPoint
	PendingRemovals = removal.Pending
	PendingRemoval  = removal.PendingList
)

// LeastGrace is the shortest time between marking what goes and deleting it.
const LeastGrace = removal.LeastGrace

// Verification and repair.
type RepairResult = verify.RepairResult

// A wedding, an organization, tiers or everything.
type (
	ScopeInput     = scoped.ScopeInput
	ScopeAt        = scoped.ScopeAt
	ScopeApply     = scoped.ScopeApply
	ScopeResult    = scoped.ScopeResult
	Damage         = scoped.Damage
	TableLost      = scoped.TableLost
	LookedShort    = scoped.LookedShort
	WeddingAt      = scoped.WeddingAt
	WeddingChanges = scoped.WeddingChanges
)

// Now names the live platform in the place of a recovery point.
const Now = scoped.Now

// Weddings and organizations, and how they are looked for.
type (
	Wedding           = weddings.Wedding
	FoundWeddings     = weddings.FoundWeddings
	WeddingQuery      = weddings.WeddingQuery
	WeddingPlace      = weddings.WeddingPlace
	WeddingSearch     = weddings.WeddingSearch
	Organization      = weddings.Organization
	OrganizationQuery = weddings.OrganizationQuery
	OrganizationPlace = weddings.OrganizationPlace
)

// The preflight and the short look at the platform.
type (
	TableEstimate = check.TableEstimate
	PlatformLook  = check.PlatformLook
)

// DataMapArea is the area of the preflight's findings about the data map.
const DataMapArea = check.DataMapArea

// Outcomes of a restore that came to its end.
const (
	OutcomeRestored   = report.OutcomeRestored
	OutcomeExceptions = report.OutcomeExceptions
)

// The stages of an operation.
const (
	StageCatchingUp = report.StageCatchingUp
	StageChecking   = report.StageChecking
	StageComparing  = report.StageComparing
	StageDone       = report.StageDone
	StageIndexing   = report.StageIndexing
	StageLoading    = report.StageLoading
	StagePublishing = report.StagePublishing
	StageReading    = report.StageReading
	StageRemoving   = report.StageRemoving
	StageRepairing  = report.StageRepairing
	StageSafety     = report.StageSafety
	StageSchema     = report.StageSchema
	StageSnapshot   = report.StageSnapshot
	StageWriting    = report.StageWriting
)

// The states of a table or provider inside an operation.
const (
	ItemWaiting = report.ItemWaiting
	ItemRunning = report.ItemRunning
	ItemDone    = report.ItemDone
	ItemFailed  = report.ItemFailed
	ItemLagging = report.ItemLagging
)

// Discard is a Reporter that ignores everything.
var Discard = report.Discard
