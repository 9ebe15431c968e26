package api

import (
	"context"
	"net/http"
	"time"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Test is a verification of a recovery point, or a restore that compared everything.
type Test struct {
	ID        string    `json:"id"`
	Point     string    `json:"point"`
	Kind      string    `json:"kind" enum:"verify,deep_verify,restore,partial_restore"`
	Operation string    `json:"operation,omitempty" doc:"That made it"`
	At        time.Time `json:"at"`
	OK        bool      `json:"ok"`
	Findings  int       `json:"findings" doc:"How much was wrong with the copies of this recovery point"`
	Seconds   float64   `json:"seconds" doc:"What the operation took"`
	Away      []string  `json:"away,omitempty" doc:"Providers that could not be asked; with no findings the test neither passed nor failed"`
}

func testOf(t console.PointTest) Test {
	return Test{
		ID:        t.ID,
		Point:     t.Point,
		Kind:      t.Kind,
		Operation: t.Operation,
		At:        t.At,
		OK:        t.OK,
		Findings:  t.Findings,
		Seconds:   t.Seconds,
		Away:      t.Away,
	}
}

// TestDetail is one test with what it found.
type TestDetail struct {
	Test
	Copies  []keepsake.Copy        `json:"copies,omitempty" doc:"Of this recovery point, as they were found"`
	Proof   *engine.PointProof     `json:"proof,omitempty" doc:"Rows found and expected, and the shares that are sound"`
	Report  []engine.VerifyFinding `json:"report" doc:"All that the operation found wrong, also of other points"`
	Missing string                 `json:"missing,omitempty" doc:"Why there is no report"`
}

// StartTest is what a verification should look at.
type StartTest struct {
	Point string `json:"point,omitempty" maxLength:"100" doc:"The recovery point, or latest; absent: all of them"`
	Deep  bool   `json:"deep,omitempty" doc:"Read and decrypt every object, and not only ask for its size"`
}

type listTestsInput struct {
	Point  string    `query:"point" maxLength:"100" doc:"Of this recovery point, or of the latest"`
	Kind   string    `query:"kind" enum:"verify,deep_verify,restore,partial_restore"`
	State  string    `query:"state" enum:"passed,failed"`
	From   time.Time `query:"from" doc:"Made from then on"`
	To     time.Time `query:"to" doc:"Made before then"`
	Cursor string    `query:"cursor" maxLength:"64"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type testList struct {
	Body struct {
		Tests []Test `json:"tests"`
		Next  string `json:"next,omitempty" doc:"The cursor of the following page; absent on the last"`
	}
}

func (h *actions) tests() {
	op := action(http.MethodGet, "/tests", "listTests", "List tests of recovery points",
		"Verifications, and restores that compared every row. Newest first.", "Tests")
	op.Errors = []int{http.StatusNotFound}
	register(h, op, h.listTests)
	op = action(http.MethodPost, "/tests", "startTest", "Verify recovery points",
		"Each recovery point that is looked at gets a test when the operation has ended.", "Tests")
	op.DefaultStatus, op.Errors = http.StatusAccepted, []int{http.StatusNotFound, http.StatusConflict}
	register(h, op, func(ctx context.Context, in *struct {
		Repeatable
		Body StartTest
	}) (*started, error) {
		o, err := h.d.Console.StartVerify(ctx, handlers.ActorFrom(ctx),
			console.StartVerifyInput{Point: in.Body.Point, Deep: in.Body.Deep})
		if err != nil {
			return nil, err
		}
		return startedAs(o), nil
	})
	op = action(http.MethodPost, "/repairs", "startRepair", "Repair recovery points",
		"Copies what a provider lacks from one that has it, for every recovery point.", "Tests")
	op.DefaultStatus, op.Errors = http.StatusAccepted, []int{http.StatusConflict}
	register(h, op, func(ctx context.Context, _ *struct{ Repeatable }) (*started, error) {
		o, err := h.d.Console.StartRepair(ctx, handlers.ActorFrom(ctx))
		if err != nil {
			return nil, err
		}
		return startedAs(o), nil
	})
	op = action(http.MethodGet, "/tests/{id}", "getTest", "One test", "With what it found, and what it proved.", "Tests")
	op.Errors = []int{http.StatusNotFound}
	register(h, op, func(ctx context.Context, in *TestID) (*struct{ Body TestDetail }, error) {
		t, err := h.d.Console.GetTest(ctx, handlers.ActorFrom(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body TestDetail }{TestDetail{
			Test:    testOf(t.PointTest),
			Copies:  t.Copies,
			Proof:   t.Proof,
			Report:  append([]engine.VerifyFinding{}, t.Findings...),
			Missing: t.Missing,
		}}, nil
	})
}

// TestID names a test. Huma fills exported types only.
type TestID struct {
	ID string `path:"id" maxLength:"64" doc:"The test"`
}

func (h *actions) listTests(ctx context.Context, in *listTestsInput) (*testList, error) {
	what := console.TestsInput{
		Point:  in.Point,
		Kind:   in.Kind,
		From:   in.From,
		To:     in.To,
		Cursor: in.Cursor,
		Limit:  in.Limit,
	}
	if in.State != "" {
		passed := in.State == "passed"
		what.Passed = &passed
	}
	page, err := h.d.Console.ListTests(ctx, handlers.ActorFrom(ctx), what)
	if err != nil {
		return nil, err
	}
	out := &testList{}
	out.Body.Tests, out.Body.Next = each(page.Tests, testOf), page.Next
	return out, nil
}
