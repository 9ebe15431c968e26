package console_test

import (
	"context"
	"io"
	"log/slog"
	"reflect"
	"testing"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestStandbyShowsNoOtherOrganization: nor does what can be read while the console database, and with it row-level
// security, is away.
func TestStandbyShowsNoOtherOrganization(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t)
	points, err := w.c.ListPoints(t.Context(), admin, console.PointsInput{})
	if err != nil {
		t.Fatal(err)
	}
	cases := standbyCases(console.NewStandby(w.e, slog.New(slog.DiscardHandler)),
		theirs{wedding: "4", point: points.Points[0].ID})
	showAll(t, cases, "Emergency", "ListPoints", "GetPoint", "ListWeddings", "GetWedding", "GetWeddingAt", "LookAtWedding",
		"FindContacts", "GetWeddingChanges", "ExportScope")
	showNothing(t, reflect.TypeFor[*console.Standby](), cases)
}

func standbyCases(s *console.Standby, x theirs) map[string]useCase {
	return map[string]useCase{
		"Emergency": func(ctx context.Context, a keepsake.Actor) (any, error) { return s.Emergency(ctx, a) },
		"ListPoints": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return s.ListPoints(ctx, a, console.PointsInput{})
		},
		"GetPoint": func(ctx context.Context, a keepsake.Actor) (any, error) { return s.GetPoint(ctx, a, x.point) },
		"OperationLog": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return s.OperationLog(ctx, a, "018f0000-0000-7000-8000-000000000001", 0, 0)
		},
		"ListWeddings": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return s.ListWeddings(ctx, a, console.WeddingsInput{})
		},
		"GetWedding": func(ctx context.Context, a keepsake.Actor) (any, error) { return s.GetWedding(ctx, a, x.wedding) },
		"GetWeddingAt": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return s.GetWeddingAt(ctx, a, x.wedding, x.point)
		},
		"FindContacts": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return s.FindContacts(ctx, a, x.wedding, "")
		},
		"FindDamage": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return s.FindDamage(ctx, a, console.ScopedInput{Scope: theWedding(x.wedding)})
		},
		"LookAtWedding": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return s.LookAtWedding(ctx, a, x.wedding, x.point)
		},
		"GetWeddingChanges": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return s.GetWeddingChanges(ctx, a, x.wedding, x.point, engine.Now)
		},
		"ExportScope": func(ctx context.Context, a keepsake.Actor) (any, error) {
			return exported(func(out io.Writer) error {
				return s.ExportScope(ctx, a, rewind(x.wedding), scope.ExportAs{Format: "json"}, out)
			})
		},
	}
}
