package web_test

import (
	"context"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func (f *fakeConsole) ListTests(context.Context, keepsake.Actor, console.TestsInput) (console.TestPage, error) {
	return console.TestPage{}, f.listErr
}

func (f *fakeConsole) GetTest(context.Context, keepsake.Actor, string) (console.TestDetail, error) {
	return console.TestDetail{}, f.listErr
}

func (f *fakeConsole) Performance(context.Context, keepsake.Actor) (console.Performance, error) {
	return console.Performance{}, f.listErr
}

func (f *fakeConsole) ListDuties(context.Context, keepsake.Actor) ([]console.DutyState, error) {
	return f.duties, f.listErr
}

func (f *fakeConsole) GetSchedule(context.Context, keepsake.Actor) (console.ScheduleState, error) {
	return f.schedule, f.listErr
}

func (f *fakeConsole) GetRetention(_ context.Context, _ keepsake.Actor, try console.TryRules) (
	console.RetentionState, error) {
	s := f.retention
	f.judgements++
	if rules := try(s.Rules.Retention); rules != nil {
		s.Rules.Retention, s.Simulated = *rules, true
		s.Plan = rules.Plan(f.held, moment)
	}
	return s, f.listErr
}

func (f *fakeConsole) StartRetention(_ context.Context, _ keepsake.Actor, confirm string) (console.Operation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.startErr != nil {
		return console.Operation{}, f.startErr
	}
	f.confirmed = append(f.confirmed, confirm)
	return console.Operation{ID: "retention-1", Kind: console.KindRetention, State: console.StateQueued}, nil
}

func (f *fakeConsole) Compliance(context.Context, keepsake.Actor) (console.Compliance, error) {
	return console.Compliance{Dashboard: f.dashboard, NewestProtected: f.dashboard.Newest}, f.listErr
}
