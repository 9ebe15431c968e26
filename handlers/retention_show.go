package handlers

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/views"
)

type retentionReader interface {
	GetRetention(ctx context.Context, actor keepsake.Actor, try console.TryRules) (console.RetentionState, error)
}

// ShowRetention draws which recovery points stay and which go. With rules in its query it draws what these would do.
func ShowRetention(pages Pages, con retentionReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		wrong := ""
		s, err := con.GetRetention(ctx, actor(c), func(count policy.Retention) (rules *policy.Retention) {
			rules, wrong = RulesOf(c.QueryParam, count)
			return rules
		})
		if err != nil {
			return err
		}
		vm := draw.Retention(pages.Shell(c, "Retention", "points"), s, pages.clock())
		vm.Mine, vm.Plan.Error = actor(c).Organization == "", wrong
		if !vm.Mine {
			vm.Plan.Confirm = ""
		}
		if IsPartial(c) {
			return Render(c, http.StatusOK, views.RetentionPlanPart(vm.Plan))
		}
		return Render(c, http.StatusOK, views.RetentionPage(vm))
	}
}

// mostOfRule is the largest number that a rule may be tried with.
const mostOfRule = 100_000

// RulesOf reads rules that somebody tries: those that count, with what value names in the place of theirs. It returns
// nil where nothing is named, and what is wrong, a sentence.
func RulesOf(value func(name string) string, rules policy.Retention) (*policy.Retention, string) {
	named := false
	read := func(name, label string, into *int) string {
		text := value(name)
		if text == "" {
			return ""
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > mostOfRule {
			return label + ": give a whole number from 0 to " + strconv.Itoa(mostOfRule) + "."
		}
		named, *into = true, n
		return ""
	}
	for _, r := range draw.RetentionRules {
		if wrong := read(r.Name, r.Label, r.Of(&rules)); wrong != "" {
			return nil, wrong
		}
	}
	hours := int(rules.Within / time.Hour)
	if wrong := read(draw.WithinRule, "All younger than", &hours); wrong != "" {
		return nil, wrong
	}
	if !named {
		return nil, ""
	}
	rules.Within = time.Duration(hours) * time.Hour
	return &rules, ""
}
