package engine_test

import (
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestLostWeddingsOfAPartitionedTable are found in an earlier recovery point, as those of any other table.
func TestLostWeddingsOfAPartitionedTable(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table organizations (id int primary key, name text)",
		"create table weddings (id int primary key, couple text, wedding_date date, organization_id int) "+
			"partition by range (id)",
		"create table weddings_old partition of weddings for values from (1) to (2)",
		"create table weddings_new partition of weddings for values from (2) to (9)",
		"insert into weddings values (1, 'Ada & Ben', '2026-12-24', 1), (2, 'Zoë & Carl', '2027-06-01', 1)")
	e := newEngine(t, url, providers(t))
	backup(t, e, keepsake.BackupFull)
	run(t, url, "delete from weddings where id = 2")
	backup(t, e, keepsake.BackupIncremental)
	for _, platform := range []bool{true, false} {
		found, _, err := e.FindGone(t.Context(), engine.WeddingSearch{Text: "carl", Limit: 9}, platform)
		if err != nil || len(found.Weddings) != 1 || found.Weddings[0].ID != "2" {
			t.Errorf("with the platform, %v: %+v, %v", platform, found, err)
		}
	}
	list, _, err := e.KnownWeddings(t.Context(), engine.WeddingQuery{Limit: 9})
	if err != nil || len(list) != 2 {
		t.Errorf("the recovery points know %+v, %v", list, err)
	}
}
