package api

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/operation"
)

// Duty is something that is done without being asked for.
type Duty struct {
	Name         string        `json:"name"`
	Does         string        `json:"does" doc:"What it does, in words"`
	EverySeconds float64       `json:"every_seconds" doc:"Between two runs"`
	Who          operation.Who `json:"who" enum:"each_process,one_holder" doc:"one_holder: one process at a time, when next_at has come; what was missed is done once. each_process: every working process"`
	Running      bool          `json:"running"`
	Silent       bool          `json:"silent" doc:"It was begun, and its worker has stopped answering; the next worker does it"`
	LastStarted  *time.Time    `json:"last_started,omitempty"`
	LastEnded    *time.Time    `json:"last_ended,omitempty"`
	Outcome      string        `json:"outcome" enum:"never,done,failed" doc:"How the last run ended"`
	Message      string        `json:"message,omitempty" doc:"Why it failed"`
	NextAt       *time.Time    `json:"next_at,omitempty" doc:"Absent where each process does it, and before any worker ran"`
}

type dutyList struct {
	Body struct {
		Duties []Duty `json:"duties"`
	}
}

func (h *actions) duties(ctx context.Context, _ *struct{}) (*dutyList, error) {
	list, err := h.d.Console.ListDuties(ctx, handlers.ActorFrom(ctx))
	if err != nil {
		return nil, err
	}
	out := &dutyList{}
	out.Body.Duties = each(list, dutyOf)
	return out, nil
}

func dutyOf(d console.DutyState) Duty {
	out := Duty{
		Name:         d.Name,
		Does:         d.Does,
		EverySeconds: d.Every.Seconds(),
		Who:          d.Who,
		Running:      d.Running,
		Silent:       d.Silent,
		LastStarted:  moment(d.Began),
		LastEnded:    moment(d.Ended),
		Outcome:      "done",
		Message:      d.Message,
		NextAt:       moment(d.Next),
	}
	switch {
	case d.Ended.IsZero():
		out.Outcome = "never"
	case d.Failed:
		out.Outcome = "failed"
	}
	return out
}
