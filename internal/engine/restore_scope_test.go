package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/sample"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestOneWeddingIntoANewDatabase takes one wedding, and then its organization, out of a season into databases of their
// own.
func TestOneWeddingIntoANewDatabase(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	err := sample.Load(t.Context(), url, sample.Options{
		Weddings:      60,
		Organizations: 5,
		Seed:          2,
		Today:         time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	wedding := one[string](t, url, "select id::text from weddings order by id limit 1")
	organization := one[string](t, url, "select organization_id::text from weddings order by id limit 1")
	own, _ := photograph(t, url, wedding)

	alone := testenv.DB(t)
	r, err := e.Restore(t.Context(), engine.RestoreInput{
		Scope:  ofWedding(wedding),
		Point:  "latest",
		Target: keepsake.Secret(alone),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	restored, _ := photograph(t, alone, wedding)
	delete(own, "audit_logs") // no reference leads from it to a wedding
	if d := differing(own, restored); len(d) > 0 || !r.Verified {
		t.Errorf("the wedding differs in %v; verified: %t", d, r.Verified)
	}
	if n := one[int](t, alone, "select count(*) from weddings"); n != 1 {
		t.Errorf("%d weddings came along", n)
	}
	for _, want := range []struct{ table, missing string }{
		{"suppliers", "select count(*) from wedding_suppliers w where not exists (select from suppliers s where s.id = " +
			"w.supplier_id)"},
		{"organizations", "select count(*) from weddings w where not exists (select from organizations o where o.id = " +
			"w.organization_id)"},
	} {
		if n := one[int](t, alone, want.missing); n > 0 {
			t.Errorf("%d rows of the wedding point at nothing in %s", n, want.table)
		}
	}
	if !slices.ContainsFunc(r.NotCarried, func(n keepsake.NotCarried) bool {
		return strings.Contains(n.Reason,
			"limited to")
	}) {
		t.Errorf("the report does not say that the rest was left out: %v", r.NotCarried)
	}

	whole := testenv.DB(t)
	if r, err = e.Restore(t.Context(), engine.RestoreInput{
		Point:  "latest",
		Target: keepsake.Secret(whole),
		Scope:  keepsake.MustScope(keepsake.OrganizationScope(organization)),
	}, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := one[int](t, whole, "select count(*) from weddings where organization_id = '"+organization+"'"),
		one[int](t, url, "select count(*) from weddings where organization_id = '"+organization+"'"); got != want ||
		!r.Verified {
		t.Errorf("%d of %d weddings of the organization, verified %t", got, want, r.Verified)
	}
	if n := one[int](t, whole, "select count(*) from weddings where organization_id <> '"+organization+"'"); n > 0 {
		t.Errorf("%d weddings of other organizations came along", n)
	}

	_, err = e.Restore(t.Context(), engine.RestoreInput{Point: "latest", Target: keepsake.Secret(testenv.DB(t))}, nil)
	if err == nil || keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("no scope at all: %v", err)
	}
	_, err = e.Restore(t.Context(), engine.RestoreInput{
		Point:  "latest",
		Target: keepsake.Secret(testenv.DB(t)),
		Scope:  ofWedding("no such wedding"),
	}, nil)
	if err == nil || keepsake.CodeOf(err) == keepsake.CodeInternal {
		t.Errorf("a wedding that is not there: %v", err)
	}
}
