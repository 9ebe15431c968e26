package check

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// maxClockSkew is how far the platform's clock may be from ours before times on the screen mislead.
const maxClockSkew = 5 * time.Second

// Checker looks at everything that a backup needs. It is safe for concurrent use.
type Checker struct {
	Replicas       *replicas.Set
	PlatformURL    keepsake.Secret
	ManagedSchemas []string // of the hosting service
	DataMap        keepsake.DataMap
	PGBin          string // directory of pg_dump and pg_restore; empty: the newest found
	Questions      *platform.Questions
	Now            func() time.Time
}

// Check is the preflight. It looks at the tools, the key, the providers, the platform and its clock, and says what to
// do about each thing that is wrong. It changes nothing.
func (by *Checker) Check(ctx context.Context) []report.CheckFinding { return by.check(ctx, false) }

// CheckPlatform does the part of Check that asks the platform.
func (by *Checker) CheckPlatform(ctx context.Context) []report.CheckFinding {
	tools, err := pgtool.Find(ctx, by.PGBin)
	if err != nil {
		tools.Major = 0 // CheckRepository says it
	}
	return by.checkPlatform(ctx, tools.Major)
}

// CheckRepository does the part of Check that does not ask the platform.
func (by *Checker) CheckRepository(ctx context.Context) []report.CheckFinding {
	found, _ := by.checkBeside(ctx, false)
	return found
}

// CheckThoroughly does what Check does. It also tries at each provider the largest object that a backup writes, and
// whether the provider shows anything to somebody without credentials.
func (by *Checker) CheckThoroughly(ctx context.Context) []report.CheckFinding {
	return by.check(ctx, true)
}

func (by *Checker) check(ctx context.Context, thorough bool) []report.CheckFinding {
	found, major := by.checkBeside(ctx, thorough)
	return append(found, by.checkPlatform(ctx, major)...)
}

// checkBeside looks at everything but the platform, and returns pg_dump's version.
func (by *Checker) checkBeside(ctx context.Context, thorough bool) ([]report.CheckFinding, int) {
	var found []report.CheckFinding
	add := func(area, level, message, action string) {
		found = append(found, report.CheckFinding{Area: area, Level: level, Message: message, Action: action})
	}
	tools, err := pgtool.Find(ctx, by.PGBin)
	if err != nil {
		add("tools", report.LevelError, keepsake.MessageOf(err), "")
	} else {
		add("tools", report.LevelOK, fmt.Sprintf("Found pg_dump %d in %s", tools.Major, tools.Dir), "")
	}
	return append(found, by.checkRepository(ctx, thorough)...), tools.Major
}

func (by *Checker) checkPlatform(ctx context.Context, dumpMajor int) []report.CheckFinding {
	const area = "platform"
	if by.PlatformURL == "" {
		return []report.CheckFinding{{
			Area:    area,
			Level:   report.LevelWarn,
			Message: "No platform database is configured, so restoring works and backing up does not",
			Action:  "Set platform.url or KEEPSAKE_PLATFORM_URL",
		}}
	}
	conn, err := platform.Connect(ctx, by.PlatformURL)
	if err != nil {
		return []report.CheckFinding{{Area: area, Level: report.LevelError, Message: keepsake.MessageOf(err)}}
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	c, err := platform.ReadCatalog(ctx, conn, by.ManagedSchemas)
	if err != nil {
		return []report.CheckFinding{{Area: area, Level: report.LevelError, Message: keepsake.MessageOf(err)}}
	}
	found := []report.CheckFinding{{
		Area:    area,
		Level:   report.LevelOK,
		Message: fmt.Sprintf("PostgreSQL %s, database %s, %d tables", c.Source.Server, c.Source.Database, len(c.Tables)),
	}}
	for _, f := range platform.Judge(c, dumpMajor) {
		level := report.LevelWarn
		if f.Error {
			level = report.LevelError
		}
		found = append(found, report.CheckFinding{Area: area, Level: level, Message: f.Message, Action: f.Action})
	}
	for _, n := range c.NotCarried {
		found = append(found, report.CheckFinding{Area: area, Level: report.LevelWarn, Message: n.Kind + " of " + n.Name +
			" are not carried. " + keepsake.Sentence(n.Reason)})
	}
	found = append(found, by.checkDataMap(ctx, conn)...)
	return append(found, by.checkClock(ctx, conn))
}

func (by *Checker) checkClock(ctx context.Context, conn *pgx.Conn) report.CheckFinding {
	before := by.Now()
	var theirs time.Time
	if err := conn.QueryRow(ctx, "select clock_timestamp()").Scan(&theirs); err != nil {
		return report.CheckFinding{Area: "clock", Level: report.LevelError, Message: keepsake.MessageOf(err)}
	}
	if skew := theirs.Sub(before).Abs(); skew > maxClockSkew {
		return report.CheckFinding{
			Area:  "clock",
			Level: report.LevelWarn,
			Message: fmt.Sprintf("This machine's clock and the platform's differ by %s, so times on the screen mislead",
				skew.Round(time.Second)),
			Action: "Synchronise both with NTP",
		}
	}
	return report.CheckFinding{
		Area:    "clock",
		Level:   report.LevelOK,
		Message: "This machine's clock agrees with the platform's",
	}
}

// TableEstimate is one table with its size as PostgreSQL's statistics estimate it.
type TableEstimate struct {
	Schema string
	Name   string
	Tier   string
	Rows   int64
	Bytes  int64 // heap and TOAST
}

// Tables returns the tables that a backup of the platform would read, largest first.
func (by *Checker) Tables(ctx context.Context) ([]TableEstimate, error) {
	conn, err := platform.Connect(ctx, by.PlatformURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	c, err := platform.ReadCatalog(ctx, conn, by.ManagedSchemas)
	if err != nil {
		return nil, err
	}
	var tables []TableEstimate
	for _, t := range c.Tables {
		tier := by.DataMap.TierOf(keepsake.SplitTableName(t.Root))
		tables = append(tables, TableEstimate{
			Schema: t.Schema,
			Name:   t.Name,
			Tier:   string(tier),
			Rows:   t.Rows,
			Bytes:  t.Bytes,
		})
	}
	return tables, nil
}
