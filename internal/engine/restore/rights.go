package restore

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// superuserKinds are kinds of entries that PostgreSQL lets only a superuser make. A hosting service may let others,
// too.
var superuserKinds = []string{"EVENT TRIGGER", "FOREIGN DATA WRAPPER", "OPERATOR CLASS", "OPERATOR FAMILY",
	"ACCESS METHOD", "SECURITY LABEL", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "TRANSFORM"}

// superuserWords make a statement one that only a superuser may run. They stand before a function's body.
var superuserWords = map[string]*regexp.Regexp{
	"PUBLICATION": regexp.MustCompile(` FOR (ALL TABLES|TABLES IN SCHEMA)\b`),
	"FUNCTION":    regexp.MustCompile(`(?m)^    LANGUAGE (c|internal)\b|^    LANGUAGE [^\n]* LEAKPROOF\b`),
	"TYPE":        regexp.MustCompile(`(?m)^    INPUT = `),
}

// mostRights is how many things the log names of those that need a right.
const mostRights = 10

// judgeRights names, before anything is written, what a role that is no superuser can probably not make. All of it is
// tried, after what needs no such right, and named again where the server refuses it.
func (r *restore) judgeRights(ctx context.Context, m *repository.Manifest) error {
	super, err := r.target.Superuser(ctx)
	if err != nil || super {
		return err
	}
	var asked []pgtool.Entry
	var need []string
	for _, e := range r.entries {
		switch {
		case slices.ContainsFunc(r.target.Managed, e.InSchema):
		case slices.Contains(superuserKinds, e.Kind):
			need = append(need, target.LabelOf(e))
		case superuserWords[e.Kind] != nil:
			asked = append(asked, e)
		}
	}
	scripts, err := r.tools.Script(ctx, r.archive, asked)
	if err != nil {
		return err
	}
	for _, s := range scripts {
		if slices.ContainsFunc(s.Statements, func(q string) bool {
			head, _, _ := strings.Cut(q, "\n    AS ")
			return superuserWords[s.Kind].MatchString(head)
		}) {
			need = append(need, target.LabelOf(s.Entry))
		}
	}
	settings, err := r.target.SuperuserSettings(ctx, m.Source.Settings)
	if err != nil {
		return err
	}
	for _, s := range settings {
		need = append(need, "database setting "+s)
	}
	if len(need) == 0 {
		return nil
	}
	slices.Sort(need)
	r.track.Warnf("The target's role is no superuser and may not be allowed to make: %s. Everything else is restored "+
		"all the same, and what the server refuses is named.", keepsake.FirstFew(need, mostRights))
	return nil
}
