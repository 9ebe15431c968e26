package engine_test

import (
	"fmt"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// damageWorld is a platform of two weddings, 1 and 2, of one organization, with its recovery points.
type damageWorld struct {
	t      *testing.T
	e      *engine.Engine
	url    string
	points []string // newest first
}

// newDamageWorld returns one whose guests, from 1 on, are in turn those of the wedding 2 and of the wedding 1. What
// else it holds, the statements make.
func newDamageWorld(t *testing.T, guests int, statements ...string) *damageWorld {
	t.Helper()
	w := &damageWorld{t: t, url: testenv.DB(t)}
	w.run("create table organizations (id int primary key)",
		"create table weddings (id int primary key, couple text, wedding_date date, "+
			"organization_id int references organizations)",
		"create table guests (id int primary key, wedding_id int references weddings, name text)",
		"insert into organizations values (1)",
		"insert into weddings values (1, 'Ada & Ben', '2026-12-24', 1), (2, 'Others', '2026-12-24', 1)",
		fmt.Sprintf("insert into guests select i, 1 + i %% 2, 'Guest ' || i from generate_series(1, %d) i", guests))
	w.run(statements...)
	w.e = engineWith(t, w.url, providers(t), repository.NewKeyFile())
	return w
}

func (w *damageWorld) run(statements ...string) {
	w.t.Helper()
	run(w.t, w.url, statements...)
}

// point backs the platform up, and returns the new recovery point.
func (w *damageWorld) point() string {
	w.t.Helper()
	w.points = append([]string{backup(w.t, w.e, keepsake.BackupIncremental).Point}, w.points...)
	return w.points[0]
}

// find looks for damage of a scope in all recovery points, and in the platform.
func (w *damageWorld) find(of keepsake.Scope) (engine.Damage, bool) {
	w.t.Helper()
	d, found, err := w.e.FindDamage(w.t.Context(), engine.ScopeInput{Scope: of}, w.points)
	if err != nil {
		w.t.Fatal(err)
	}
	return d, found
}
