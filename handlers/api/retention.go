package api

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// Retention says which recovery points stay.
type Retention struct {
	Automatic bool            `json:"automatic" doc:"false: no recovery point goes by itself"`
	Rules     *RetentionRules `json:"rules,omitempty" doc:"Those that count, with those that were asked for in their place"`
	Simulated bool            `json:"simulated,omitempty" doc:"These are not the rules that count"`
	Held      string          `json:"held,omitempty" doc:"Why nothing goes although the rules let some go, in words"`
	Large     string          `json:"large,omitempty" doc:"Why a person has to confirm on the page Retention what goes, in words"`
	Next      *time.Time      `json:"next,omitempty" doc:"When the next retention begins by itself"`
	Last      string          `json:"last_operation,omitempty" doc:"The newest retention"`
	Stay      int             `json:"stay" doc:"How many recovery points stay"`
	Go        int             `json:"go" doc:"How many go"`
	Points    []JudgedPoint   `json:"points" doc:"Those that were asked for, the newest first"`
}

// RetentionRules are the rules by which recovery points stay.
type RetentionRules struct {
	Last          int `json:"last" doc:"How many of the newest"`
	WithinHours   int `json:"within_hours" doc:"All that are younger"`
	Hourly        int `json:"hourly" doc:"One of each of so many hours"`
	Daily         int `json:"daily"`
	Weekly        int `json:"weekly"`
	Monthly       int `json:"monthly"`
	Yearly        int `json:"yearly"`
	MilestoneDays int `json:"milestone_days" doc:"Those of milestones, until so many days after the wedding"`
}

// JudgedPoint is a recovery point, and whether it stays.
type JudgedPoint struct {
	ID        string              `json:"id"`
	Time      time.Time           `json:"time" doc:"Of the snapshot"`
	Type      keepsake.BackupType `json:"type"`
	Keep      bool                `json:"keep"`
	Why       []string            `json:"why" doc:"In words"`
	GoesAfter *time.Time          `json:"goes_after,omitempty" doc:"It is marked, and does not go before"`
}

type retentionInput struct {
	Show          string `query:"show" enum:"going,staying,all" default:"going" doc:"Which recovery points are listed"`
	Limit         int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"How many are listed at most"`
	Last          string `query:"last" pattern:"^[0-9]{1,6}$" doc:"This rule and those below: what other rules would do. It changes nothing"`
	WithinHours   string `query:"within_hours" pattern:"^[0-9]{1,6}$"`
	Hourly        string `query:"hourly" pattern:"^[0-9]{1,6}$"`
	Daily         string `query:"daily" pattern:"^[0-9]{1,6}$"`
	Weekly        string `query:"weekly" pattern:"^[0-9]{1,6}$"`
	Monthly       string `query:"monthly" pattern:"^[0-9]{1,6}$"`
	Yearly        string `query:"yearly" pattern:"^[0-9]{1,6}$"`
	MilestoneDays string `query:"milestone_days" pattern:"^[0-9]{1,6}$"`
}

// rule returns what was asked for in the place of a rule, or "".
func (in *retentionInput) rule(name string) string {
	return map[string]string{"last": in.Last, draw.WithinRule: in.WithinHours, "hourly": in.Hourly, "daily": in.Daily,
		"weekly": in.Weekly, "monthly": in.Monthly, "yearly": in.Yearly, "milestone_days": in.MilestoneDays}[name]
}

type retentionBody struct{ Body Retention }

func (h *actions) retention(ctx context.Context, in *retentionInput) (*retentionBody, error) {
	actor := handlers.ActorFrom(ctx)
	wrong := ""
	s, err := h.d.Console.GetRetention(ctx, actor, func(count policy.Retention) (rules *policy.Retention) {
		rules, wrong = handlers.RulesOf(in.rule, count)
		return rules
	})
	if err != nil {
		return nil, err
	}
	if wrong != "" {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%s", wrong)
	}
	return &retentionBody{Body: retentionOf(s, in.Show, in.Limit)}, nil
}

func retentionOf(s console.RetentionState, show string, limit int) Retention {
	out := Retention{Automatic: s.Rules.On, Points: []JudgedPoint{}}
	if !s.Known {
		return out
	}
	out.Rules, out.Simulated, out.Held, out.Large = rulesOf(s.Rules.Retention), s.Simulated, s.Plan.Held, s.Plan.Large
	out.Next = moment(s.Next)
	if s.Last != nil {
		out.Last = s.Last.ID
	}
	for _, v := range s.Plan.Verdicts {
		if v.Keep {
			out.Stay++
		} else {
			out.Go++
		}
		if listed := show == "all" || v.Keep == (show == "staying"); listed && len(out.Points) < limit {
			out.Points = append(out.Points, JudgedPoint{ID: v.Point.ID, Time: v.Point.Time.UTC(), Type: v.Point.Type,
				Keep: v.Keep, Why: v.Why, GoesAfter: moment(s.Goes[v.Point.ID])})
		}
	}
	return out
}

func rulesOf(r policy.Retention) *RetentionRules {
	return &RetentionRules{Last: r.Last, WithinHours: int(r.Within / time.Hour), Hourly: r.Hourly, Daily: r.Daily,
		Weekly: r.Weekly, Monthly: r.Monthly, Yearly: r.Yearly, MilestoneDays: r.MilestoneDays}
}
