package handlers

import (
	"context"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type backupEstimator interface {
	weddingNamer
	EstimateBackup(ctx context.Context, actor keepsake.Actor, t keepsake.BackupType) (console.Estimate, error)
}

type backupStarter interface {
	backupEstimator
	StartBackup(ctx context.Context, actor keepsake.Actor, in console.StartBackupInput) (console.Operation, error)
}

// ShowBackupForm draws "Back up now". ?type= chooses the type, so that a person without script can ask for its
// estimate.
func ShowBackupForm(pages Pages, con backupEstimator) echo.HandlerFunc {
	return func(c echo.Context) error {
		t := keepsake.BackupType(c.QueryParam("type"))
		if !offered(t) {
			t = keepsake.BackupIncremental
		}
		vm, err := backupForm(c, pages, con, console.StartBackupInput{
			Type:      t,
			Note:      c.QueryParam("note"),
			WeddingID: c.QueryParam("wedding"),
			Milestone: c.QueryParam("milestone"),
		}, c.QueryParam("labels"))
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.BackupPage(vm))
	}
}

// StartBackup starts a backup and goes to its page. A refused form comes back with what is wrong: with 422 where the
// person can correct it, and with 409 where the state forbids it.
func StartBackup(pages Pages, con backupStarter) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.StartBackupInput{
			Type:      keepsake.BackupType(c.FormValue("type")),
			Note:      strings.TrimSpace(c.FormValue("note")),
			WeddingID: c.FormValue("wedding"),
			Milestone: strings.TrimSpace(c.FormValue("milestone")),
		}
		labels, wrong := parseLabels(c.FormValue("labels"))
		in.Labels = labels
		refuse := func(status int, change func(*views.BackupForm)) error {
			again := in
			if !offered(again.Type) {
				again.Type = keepsake.BackupIncremental
			}
			vm, err := backupForm(c, pages, con, again, c.FormValue("labels"))
			if err != nil {
				return err
			}
			change(&vm)
			if IsPartial(c) {
				return Render(c, status, views.BackupFormPart(vm))
			}
			return Render(c, status, views.BackupPage(vm))
		}
		if !offered(in.Type) {
			return refuse(http.StatusUnprocessableEntity,
				func(vm *views.BackupForm) { vm.TypeError = "Choose one of these three." })
		}
		if n := utf8.RuneCountInString(in.Note); n > console.LongestNote {
			return refuse(http.StatusUnprocessableEntity, func(vm *views.BackupForm) {
				vm.NoteError = "The note has " + format.Count(int64(n)) + " characters; " +
					format.Count(console.LongestNote) + " fit."
			})
		}
		if wrong != "" {
			return refuse(http.StatusUnprocessableEntity, func(vm *views.BackupForm) { vm.LabelsError = wrong })
		}
		if planned := c.FormValue("planned"); planned != "" && planned != string(in.Type) {
			return refuse(http.StatusConflict, func(vm *views.BackupForm) {
				vm.Notices = append([]ui.Notice{{
					Tone:  ui.ToneWarn,
					Title: "Nothing was started",
					Text:  "You chose another kind than the page had estimated. This is what it covers: look at it, then start it.",
				}},
					vm.Notices...)
			})
		}
		o, err := con.StartBackup(c.Request().Context(), actor(c), in)
		switch keepsake.CodeOf(err) {
		case keepsake.CodeInvalid, keepsake.CodeUnsupported:
			return refuse(http.StatusUnprocessableEntity, notice("The backup was not started", err))
		case keepsake.CodeConflict:
			return refuse(http.StatusConflict, func(vm *views.BackupForm) {
				notice("The backup was not started", err)(vm)
				if o.ID != "" { // the one that runs already
					vm.Notices[0].Href, vm.Notices[0].Link = draw.OperationURL(o.ID), "Open the one that runs"
				}
			})
		}
		if keepsake.CodeOf(err) == keepsake.CodeUnavailable && err != nil {
			return refuse(http.StatusServiceUnavailable, notice("The backup was not started", err))
		}
		if keepsake.CodeOf(err) == keepsake.CodeLimited {
			SetRateLimit(c.Response().Header(), err)
			return refuse(http.StatusTooManyRequests, notice("The backup was not started", err))
		}
		if err != nil {
			return err
		}
		if o.Quota != nil {
			SetQuota(c.Response().Header(), *o.Quota)
		}
		return redirect(c, draw.OperationURL(o.ID))
	}
}

func notice(title string, err error) func(*views.BackupForm) {
	return func(vm *views.BackupForm) {
		vm.Notices = append([]ui.Notice{{Tone: ui.ToneBad, Title: title, Text: draw.Sentence(keepsake.MessageOf(err))}},
			vm.Notices...)
	}
}

func offered(t keepsake.BackupType) bool {
	for _, choice := range draw.BackupChoices() {
		if choice.Value == string(t) {
			return true
		}
	}
	return false
}

// parseLabels reads "name=value, name=value"; wrong says what is the matter with it.
func parseLabels(s string) (labels map[string]string, wrong string) {
	labels = map[string]string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, found := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !found || name == "" {
			return nil, "“" + part + "” is no label: write them like app=4.2, deploy=2026-11-23."
		}
		labels[name] = strings.TrimSpace(value)
	}
	return labels, ""
}

func backupForm(c echo.Context, pages Pages, con backupEstimator, in console.StartBackupInput, labels string) (
	views.BackupForm, error) {
	shell, t := pages.Shell(c, "Back up now", "backup"), in.Type
	if shell.Bound {
		t = keepsake.BackupIncremental
	}
	e, err := con.EstimateBackup(c.Request().Context(), actor(c), t)
	if err != nil {
		return views.BackupForm{}, err
	}
	vm := views.BackupForm{
		Shell:     shell,
		Note:      in.Note,
		Labels:    labels,
		WeddingID: in.WeddingID,
		Milestone: in.Milestone,
		Notices:   draw.EstimateNotices(e),
		Plan:      draw.Plan(e),
	}
	limits := limitsFor(c, pages, con, e, in.WeddingID)
	vm.Plan.Left, vm.Plan.Value, vm.Start = limits.words(t), string(t), limits.start(t)
	if e.Unreachable != "" {
		vm.Shell.Banner = e.Unreachable + " A backup started now fails unless that changes."
	}
	for _, choice := range draw.BackupChoices() {
		if vm.Shell.Bound && choice.Value != string(keepsake.BackupIncremental) {
			continue
		}
		choice.Checked = choice.Value == string(t)
		choice.Limit = limits.reached(keepsake.BackupType(choice.Value))
		vm.Types = append(vm.Types, choice)
	}
	if vm.Shell.Bound && in.WeddingID == "" {
		vm.Start.Disabled = true
		vm.Notices = append(vm.Notices, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "Choose a wedding first",
			Text:  "Your account is bound to one organization: it backs up for that organization's weddings, from their pages.",
			Href:  "/weddings",
			Link:  "Weddings",
		})
	}
	return vm, nil
}
