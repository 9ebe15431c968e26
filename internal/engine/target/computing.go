package target

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
)

// ownAffair are settings of a database that a restore does not take for its own sessions: they say how long statements
// may take, who runs them, how texts are written and where things lie, and not what a value comes out as.
var ownAffair = []string{"role", "session_authorization", "session_replication_role", "standard_conforming_strings",
	"backslash_quote", "escape_string_warning", "default_tablespace", "temp_tablespaces", "default_table_access_method",
	"event_triggers", "client_min_messages", "quote_all_identifiers"}

// computes reports whether the setting may decide what an expression of the platform comes out as.
func (o Options) computes(name string) bool {
	name = strings.ToLower(name)
	if slices.Contains(platform.ComputingSettings, name) || name == "row_security" {
		return true
	}
	_, ours := o.settings()[name]
	return !ours && !slices.Contains(ownAffair, name) && !strings.HasSuffix(name, "_timeout") &&
		!strings.HasSuffix(name, "_libraries") && !strings.HasPrefix(name, "default_transaction_") &&
		!strings.HasPrefix(name, "transaction_") && !strings.HasPrefix(name, "log_")
}

// learnComputing finds out which settings rows, checks, indexes and materialized views are computed under: the
// platform's own, as far as the target takes them. Where the platform's sessions had a setting from the server's
// configuration, it counts as well, because the target's server may have another.
func (t *Target) learnComputing(ctx context.Context) error {
	source := t.options.Source
	wanted := map[string]string{"search_path": `"$user", public`}
	take := func(settings []string) {
		for _, s := range settings {
			if name, value, ok := strings.Cut(s, "="); ok && t.options.computes(name) {
				wanted[strings.ToLower(name)] = value
			}
		}
	}
	if source.Properties != nil {
		take(source.Properties.Computing)
	}
	take(source.Settings)
	if source.Properties != nil {
		for _, r := range source.Properties.RoleSettings {
			if r.Role == t.conn.Config().User {
				take(r.Settings)
			}
		}
	}
	t.computing = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		_, err := t.conn.Exec(ctx, "select set_config($1, $2, false)", name, wanted[name])
		switch {
		case err == nil:
			t.computing[name] = wanted[name]
		case AboutServer(ctx, err):
			return fmt.Errorf("try the platform's settings: %w", err)
		}
	}
	// This session's own statements name everything in full and see every row.
	own := t.options.settings()
	return t.exec(ctx, "set search_path = "+own["search_path"], "set row_security = "+own["row_security"])
}

// session opens one more session that writes. Functions behind checks, generated columns and materialized views find
// what they name, and print what they print, as they did on the platform.
func (t *Target) session(ctx context.Context) (*pgx.Conn, error) {
	s := t.options.settings()
	for _, name := range append([]string{"row_security"}, platform.ComputingSettings...) {
		delete(s, name)
	}
	maps.Copy(s, t.computing)
	return platform.ConnectWith(ctx, t.options.URL, s)
}

// ComputingOptions are the platform's settings for the sessions of pg_restore, which has a search path of its own.
func (t *Target) ComputingOptions() []string {
	escape := strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "\n", "\\\n")
	var out []string
	for _, name := range slices.Sorted(maps.Keys(t.computing)) {
		if name != "search_path" && name != "row_security" {
			out = append(out, "-c "+name+"="+escape.Replace(t.computing[name]))
		}
	}
	return out
}
