package engine_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestPlatformIsNoTargetForALesserRole: the platform's own database is told although it is empty, the address differs,
// and only one of the two roles may ask the server for its identifier.
func TestPlatformIsNoTargetForALesserRole(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	role := "lesser_" + strings.ReplaceAll(nameIn(t, url), "-", "_")
	name := pgx.Identifier{role}.Sanitize()
	run(t, url, "revoke execute on function pg_control_system() from public", "create role "+name+" login password '"+role+
		"'",
		"grant create on database "+pgx.Identifier{nameIn(t, url)}.Sanitize()+" to "+name)
	dropRole(t, url, name)
	lesser := strings.Replace(at(t, url, nameIn(t, url), role), "127.0.0.1", "localhost", 1)
	for _, x := range []struct{ platform, target string }{{url, lesser}, {lesser, url}, {lesser, lesser}} {
		e := engine.New(engine.Options{
			PlatformURL: keepsake.Secret(x.platform),
			Providers:   providers(t),
			DataMap:     keepsake.DefaultDataMap(),
			Key:         repository.KeySource{Key: repository.NewKeyFile()},
		})
		t.Cleanup(e.Close)
		wantError(t, e.CheckTarget(t.Context(), keepsake.Secret(x.target)), keepsake.CodeConflict, "platform's own database")
	}
	beside := testenv.DB(t)
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   providers(t),
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: repository.NewKeyFile()},
	})
	t.Cleanup(e.Close)
	if err := e.CheckTarget(t.Context(), keepsake.Secret(beside)); err != nil {
		t.Errorf("another database of the same server: %v", err)
	}
}
