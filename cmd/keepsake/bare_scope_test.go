package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestScopedRestoreWithExceptions brings one wedding, one organization, and everything from one provider, back on a
// server without the platform's roles: the rows are there and proven, what could not be made is named, and the exit
// code says that there is something.
func TestScopedRestoreWithExceptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(season[:len(season):len(season)], "create role scoped_app", "create role scoped_r",
		"grant select on weddings to scoped_app", "create policy p on clients to scoped_r using (true)",
		"comment on policy p on clients is 'x'")...)
	organization := query[string](t, w.platform, "select organization_id::text from weddings where id = 3")
	const clients, weddings = "select count(*) from clients where wedding_id = 3", "select count(*) from weddings"
	ofOne := query[int](t, w.platform, clients)
	ofOrganization := query[int](t, w.platform, "select count(*) from weddings where organization_id = "+organization)
	all := query[int](t, w.platform, weddings)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	bare := bareServer(t)
	w.hide(t, bare.URL("wedding"))
	w.env["PLATFORM"] = "postgres://nobody@127.0.0.1:1/gone"
	for name, c := range map[string]struct {
		args     []string
		weddings int
	}{
		"wedding":      {[]string{"--wedding", "3"}, 1},
		"organization": {[]string{"--organization", organization}, ofOrganization},
		"provider":     {[]string{"--provider", "far"}, all},
	} {
		target := bare.URL(name)
		w.env["KEEPSAKE_TARGET_URL"] = target
		r := document[engine.RestoreResult](t,
			w.must(t, exitExceptions, append([]string{"restore", "latest", "--create", "--json"}, c.args...)...))
		if r.Outcome != engine.OutcomeExceptions || !strings.HasPrefix(r.Message, "Restored with exceptions") || !r.Verified {
			t.Errorf("%s: %q, %q, verified %v", name, r.Outcome, r.Message, r.Verified)
		}
		for _, want := range []string{"grant TABLE weddings", "policy public.clients p", "comment POLICY p ON clients"} {
			if !slices.ContainsFunc(r.Exceptions, func(e keepsake.Exception) bool {
				return strings.HasPrefix(e.Kind+" "+e.Object, want) && e.Code == "42704"
			}) {
				t.Errorf("%s: no exception names %q: %+v", name, want, r.Exceptions)
			}
		}
		if name == "provider" && r.Provider != "far" {
			t.Errorf("read from %s", r.Provider)
		}
		if got := query[int](t, target, clients); got != ofOne {
			t.Errorf("%s: %d of %d clients of the wedding", name, got, ofOne)
		}
		if got := query[int](t, target, weddings); got != c.weddings {
			t.Errorf("%s: %d weddings, want %d", name, got, c.weddings)
		}
		w.env["KEEPSAKE_TARGET_URL"] = bare.URL(name + "_words")
		o := w.must(t, exitExceptions, append([]string{"restore", "latest", "--create"}, c.args...)...)
		if !strings.Contains(o.out, "Restored with exceptions") ||
			!strings.Contains(o.out, `role "scoped_app" does not exist (SQLSTATE 42704)`) {
			t.Errorf("%s, in words:\n%s", name, o.out)
		}
	}
}
