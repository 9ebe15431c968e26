package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// PlatformLook is what a short look at the platform found.
type PlatformLook struct {
	Standby  bool // its server only replays another one's changes: it can be read, and nothing can be brought back into it
	Unmapped []platform.Unmapped
}

// AskPlatform asks whether the platform answers at this moment and whether its server is a standby, and nothing else.
func (by *Checker) AskPlatform(ctx context.Context) (standby bool, err error) {
	err = by.Questions.Ask(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&standby)
	})
	return standby, err
}

// LookAtPlatform asks whether the platform answers and has what the data map names. When ctx has ended, an error that
// is no *keepsake.Error means that the platform opened the session and did not answer the question in time.
func (by *Checker) LookAtPlatform(ctx context.Context) (look PlatformLook, err error) {
	err = by.Questions.Ask(ctx, func(conn *pgx.Conn) error {
		if err := conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&look.Standby); err != nil {
			return fmt.Errorf("look at the platform: %w", err)
		}
		look.Unmapped, err = platform.CheckDataMap(ctx, conn, by.DataMap)
		return err
	})
	return look, err
}

// DataMapArea is the area of the preflight's findings about the data map.
const DataMapArea = "data map"

// checkDataMap is the preflight's look at the data map.
func (by *Checker) checkDataMap(ctx context.Context, conn *pgx.Conn) []report.CheckFinding {
	const area = DataMapArea
	unmapped, err := platform.CheckDataMap(ctx, conn, by.DataMap)
	if err != nil {
		return []report.CheckFinding{{Area: area, Level: report.LevelWarn, Message: keepsake.MessageOf(err)}}
	}
	var found []report.CheckFinding
	for _, u := range unmapped {
		f := report.CheckFinding{
			Area:    area,
			Level:   report.LevelWarn,
			Message: u.Words(),
			Action:  "Correct this key in keepsake.yaml",
		}
		if u.Weddings {
			f.Level = report.LevelError
			if !strings.HasSuffix(f.Message, "?") {
				f.Message += "."
			}
			f.Message += " Until that is corrected, " + platform.WithoutWeddings
		}
		found = append(found, f)
	}
	if len(found) == 0 {
		found = append(found, report.CheckFinding{
			Area:    area,
			Level:   report.LevelOK,
			Message: "Every table and column that it names is there",
		})
	}
	return found
}
