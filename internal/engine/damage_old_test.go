package engine_test

import (
	"fmt"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestOldDamageIsFound: ten backups after a damage, with daily work between them, the point before it is still found
// for the wedding, for the organization and for the whole tables. What the wedding lost first does not hide behind it.
func TestOldDamageIsFound(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url,
		"create table organizations (id int primary key)",
		"create table weddings (id int primary key, couple text, wedding_date date, "+
			"organization_id int references organizations)",
		"create table guests (id int primary key, wedding_id int references weddings, name text)",
		"create table outbox (id int primary key)", // a queue: emptied every day
		"insert into outbox select generate_series(1, 50)",
		"insert into organizations values (1)",
		"insert into weddings values (1, 'Ada & Ben', '2026-12-24', 1), (2, 'Others', '2026-12-24', 1)",
		"insert into guests select i, 1 + i % 2, 'Guest ' || i from generate_series(1, 100) i")
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	var points []string // newest first
	point := func() string {
		points = append([]string{backup(t, e, keepsake.BackupIncremental).Point}, points...)
		return points[0]
	}
	point()
	run(t, url, "update guests set name = 'Moved' where id = 2")
	safe := point()
	run(t, url, "delete from guests where wedding_id = 1 and id % 4 = 0")
	for i := range 11 {
		point()
		run(t, url, "delete from outbox", fmt.Sprintf("update guests set name = 'Today %d' where id %% 100 = %d", i, 2*i),
			fmt.Sprintf("insert into guests values (%d, 1 + %[1]d %% 2, 'New')", 1000+i))
	}
	for _, in := range []engine.ScopeInput{
		{Scope: ofWedding("1")},
		{Scope: keepsake.MustScope(keepsake.OrganizationScope("1"))},
		{Scope: keepsake.Everything()},
	} {
		d, found, err := e.FindDamage(t.Context(), in, points)
		if err != nil || !found || d.Point != safe || d.To.IsZero() || d.Gone != 25 {
			t.Errorf("%s: %+v, %v, %v, want %s", in.Scope, d, found, err, safe)
		}
	}
}
