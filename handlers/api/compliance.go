package api

import (
	"context"
	"net/http"
	"time"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type providerList struct {
	Body struct {
		Providers []Provider `json:"providers"`
	}
}

// overview is what concerns the whole.
func (h *actions) overview() {
	register(h, action(http.MethodGet, "/providers", "listProviders", "Storage providers",
		"As they were at the last check, a minute ago at most while a worker runs.", "Overview"),
		func(ctx context.Context, _ *struct{}) (*providerList, error) {
			d, err := h.d.Console.Dashboard(ctx, handlers.ActorFrom(ctx))
			if err != nil {
				return nil, err
			}
			out := &providerList{}
			out.Body.Providers = each(d.Providers, providerOf)
			return out, nil
		})
	register(h, action(http.MethodGet, "/compliance", "getCompliance", "How things stand against the rules",
		"Facts that the console knows: nothing is started and no provider is asked. What was never measured is absent.",
		"Overview"), h.compliance)
	register(h, action(http.MethodGet, "/duties", "listDuties", "What runs without being asked for",
		"How the last run of each duty ended, and when the next is due. Nothing is started. For accounts that may see the "+
			"whole platform.", "Overview"), h.duties)
	register(h, action(http.MethodGet, "/schedule", "getSchedule", "When backups begin by themselves",
		"The next one and why, how often while which weddings are where, and what comes after. Nothing is started. For "+
			"accounts that may see the whole platform.", "Overview"), h.schedule)
	register(h, action(http.MethodGet, "/retention", "getRetention", "Which recovery points stay",
		"Which stay, which go, when and why, by the rules that count or by others. Nothing is started. For accounts that "+
			"may see the whole platform.", "Overview"), h.retention)
}

// Compliance is how things stand against the rules.
type Compliance struct {
	Rule            Rule                 `json:"rule"`
	Newest          string               `json:"newest,omitempty" doc:"The newest recovery point that holds every tier"`
	NewestAt        *time.Time           `json:"newest_at,omitempty"`
	AgeSeconds      float64              `json:"age_seconds,omitempty" doc:"Of it: what was written since would be lost"`
	MaxAgeSeconds   float64              `json:"max_age_seconds" doc:"How old it may be"`
	TooOld          bool                 `json:"too_old" doc:"It is older or of the future, so that nobody knows its age; or there is none"`
	LastProtected   string               `json:"last_protected,omitempty" doc:"The newest one that also meets the 3-2-1 rule"`
	LastProtectedAt *time.Time           `json:"last_protected_at,omitempty"`
	ProtectedTooOld bool                 `json:"protected_too_old" doc:"That one is older than it may be or of the future, or there is none"`
	LastDrill       *Test                `json:"last_drill,omitempty" doc:"The newest restore of everything that compared every row"`
	Tiers           []TierCompliance     `json:"tiers"`
	Providers       []ProviderCompliance `json:"providers"`
	AuditRows       int64                `json:"audit_rows" doc:"Length of the audit trail"`
	Audit           *AuditVerdict        `json:"audit,omitempty" doc:"How the trail was found when it was last read; absent: nobody has looked"`
	LastTest        *Test                `json:"last_test,omitempty" doc:"Of the newest recovery point; absent: it was never tested"`
}

// Rule is the 3-2-1 rule, judged of the newest recovery point that holds every tier.
type Rule struct {
	Met     bool     `json:"met"`
	Copies  int      `json:"copies" doc:"Confirmed; three are needed"`
	Media   int      `json:"media" doc:"Kinds of storage; two are needed"`
	Offsite int      `json:"offsite" doc:"Copies away from here; one is needed"`
	Missing []string `json:"missing" doc:"What is lacking, in words"`
}

// TierCompliance is how one tier stands.
type TierCompliance struct {
	Tier           keepsake.Tier `json:"tier" enum:"critical,high,standard"`
	Newest         string        `json:"newest,omitempty" doc:"The newest recovery point that holds the tier"`
	AgeSeconds     float64       `json:"age_seconds,omitempty" doc:"Of it: what was written to the tier since would be lost"`
	TooOld         bool          `json:"too_old" doc:"It is older than it may be or of the future, or there is none"`
	GoalSeconds    float64       `json:"goal_seconds" doc:"The longest that a restore of the tier may take"`
	RestoreSeconds float64       `json:"restore_seconds,omitempty" doc:"What the newest whole restore took until the tier could be read; absent: never measured"`
	RestoredAt     *time.Time    `json:"restored_at,omitempty"`
	GoalMet        *bool         `json:"goal_met,omitempty" doc:"Absent while it was never measured"`
}

// ProviderCompliance is how one provider stands.
type ProviderCompliance struct {
	Name       string     `json:"name"`
	Medium     string     `json:"medium"`
	Offsite    bool       `json:"offsite"`
	Reachable  bool       `json:"reachable"`
	State      string     `json:"state" enum:"unknown,works,behind,fails" doc:"As in the list of providers"`
	Confirmed  bool       `json:"confirmed" doc:"It holds a confirmed copy of the newest recovery point"`
	Error      string     `json:"error,omitempty" doc:"What is wrong with that copy, or with the provider"`
	VerifiedAt *time.Time `json:"verified_at,omitempty" doc:"The last verification that could ask it; absent: none of the newest three could"`
	Deep       bool       `json:"deep,omitempty" doc:"Every object was read back then"`
	Point      string     `json:"point,omitempty" doc:"The newest recovery point that was looked at then"`
	Integrity  *float64   `json:"integrity,omitempty" doc:"The share of that point's objects that were there and sound, 0 to 1"`
}

func (h *actions) compliance(ctx context.Context, _ *struct{}) (*struct{ Body Compliance }, error) {
	d, err := h.d.Console.Compliance(ctx, handlers.ActorFrom(ctx))
	if err != nil {
		return nil, err
	}
	out := Compliance{
		Rule: Rule{
			Met:     d.Protection.Protected(),
			Copies:  d.Protection.Copies,
			Media:   d.Protection.Media,
			Offsite: d.Protection.Offsite,
			Missing: append([]string{}, d.Protection.Missing...),
		},
		MaxAgeSeconds:   d.MaxAge.Seconds(),
		TooOld:          d.Newest == nil || d.TooOld(d.Newest.Time),
		ProtectedTooOld: true,
		Tiers:           each(d.Tiers, tierComplianceOf),
		Providers:       each(d.Providers, providerComplianceOf),
		AuditRows:       d.AuditRows,
		Audit:           auditVerdictOf(d.Audit),
	}
	if p := d.Newest; p != nil {
		out.Newest, out.NewestAt, out.AgeSeconds = p.ID, moment(p.Time), d.Age.Seconds()
		if p.LastTest != nil {
			t := testOf(*p.LastTest)
			out.LastTest = &t
		}
	}
	if p := d.NewestProtected; p != nil {
		out.LastProtected, out.LastProtectedAt, out.ProtectedTooOld = p.ID, moment(p.Time), d.TooOld(p.Time)
	}
	if d.Drill != nil {
		t := testOf(*d.Drill)
		out.LastDrill = &t
	}
	return &struct{ Body Compliance }{out}, nil
}

func tierComplianceOf(t console.TierCompliance) TierCompliance {
	out := TierCompliance{
		Tier:           t.Tier,
		AgeSeconds:     t.Age.Seconds(),
		TooOld:         t.TooOld,
		GoalSeconds:    t.Goal.Seconds(),
		RestoreSeconds: t.Restored.Seconds(),
		RestoredAt:     moment(t.RestoredAt),
	}
	if t.Newest != nil {
		out.Newest = t.Newest.ID
	}
	if !t.RestoredAt.IsZero() {
		met := t.Restored <= t.Goal
		out.GoalMet = &met
	}
	return out
}

func providerComplianceOf(p console.ProviderCompliance) ProviderCompliance {
	out := ProviderCompliance{
		Name:       p.Name,
		Medium:     p.Medium,
		Offsite:    p.Offsite,
		Reachable:  p.Reachable,
		State:      string(p.Health()),
		Error:      p.Error,
		VerifiedAt: moment(p.VerifiedAt),
		Deep:       p.Deep,
		Point:      p.Point,
	}
	if p.Copy != nil {
		out.Confirmed = p.Copy.Confirmed
		if p.Copy.Error != "" {
			out.Error = p.Copy.Error
		}
	}
	if !p.VerifiedAt.IsZero() {
		out.Integrity = &p.Integrity
	}
	return out
}
