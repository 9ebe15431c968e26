package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// propertyPlatforms is how many platforms one run of the test draws: each needs three databases and two restores.
const propertyPlatforms = 5

// state is a database at one moment: its schema as pg_dump writes it, and a hash of every table's rows.
type state struct {
	schema string
	rows   map[string]string
}

func stateOf(t *testing.T, url string) state {
	t.Helper()
	return state{schemaOf(t, url), rowsOf(t, url)}
}

// differs says what of the state is not as in the other one, or "".
func (s state) differs(other state) string {
	var b strings.Builder
	for table, rows := range s.rows {
		if other.rows[table] != rows {
			_, _ = fmt.Fprintf(&b, "%s: %q, restored %q\n", table, rows, other.rows[table])
		}
	}
	if len(s.rows) != len(other.rows) {
		_, _ = fmt.Fprintf(&b, "%d tables, restored %d\n", len(s.rows), len(other.rows))
	}
	if s.schema != other.schema {
		_, _ = fmt.Fprintf(&b, "schema\n%s\nrestored\n%s\n", s.schema, other.schema)
	}
	return b.String()
}

// TestAnyPlatformComesBackAsItWas: whatever a platform's schema and rows, and whatever changes between two backups,
// each of them restores to exactly what the platform was at its moment.
//
// A failure names its seed; KEEPSAKE_PROPERTY_SEED=<seed> draws that platform alone again.
func TestAnyPlatformComesBackAsItWas(t *testing.T) {
	t.Parallel()
	var seeds []int
	if given := os.Getenv("KEEPSAKE_PROPERTY_SEED"); given != "" {
		seed, err := strconv.Atoi(given)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []int{seed}
	}
	for len(seeds) == 0 || len(seeds) < propertyPlatforms && os.Getenv("KEEPSAKE_PROPERTY_SEED") == "" {
		seeds = append(seeds, rand.IntN(1<<31))
	}
	for _, seed := range seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			p := rapid.Custom(drawPlatform).Example(seed)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the platform:\n%s;\nthe edits:\n%s;", strings.Join(p.build, ";\n"), strings.Join(p.edits, ";\n"))
				}
			})
			source := testenv.DB(t)
			run(t, source, p.build...)
			e := newEngine(t, source, providers(t))
			full, first := backup(t, e, keepsake.BackupFull), stateOf(t, source)
			run(t, source, p.edits...)
			changed, second := backup(t, e, keepsake.BackupIncremental), stateOf(t, source)
			for _, at := range []struct {
				backup engine.BackupResult
				want   state
			}{{full, first}, {changed, second}} {
				if len(at.backup.NotCarried) > 0 {
					t.Errorf("not carried: %+v", at.backup.NotCarried)
				}
				target := testenv.DB(t)
				r := restore(t, e, engine.RestoreInput{
					Scope:  keepsake.Everything(),
					Point:  at.backup.Point,
					Target: keepsake.Secret(target),
				})
				if !r.Verified || r.Rows != at.backup.Rows || len(r.NotCarried) > 0 {
					t.Errorf("restore: %+v after backup %+v", r, at.backup)
				}
				if d := at.want.differs(stateOf(t, target)); d != "" {
					t.Errorf("the %s backup came back different:\n%s", at.backup.Type, d)
				}
			}
		})
	}
}
