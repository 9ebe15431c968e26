package handlers

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type restoreReader interface {
	pointGetter
	damageFinder
	approvalForeteller
	RestoreTargets() []string // names of the configured servers, the platform's own first
	SealTarget(ctx context.Context, actor keepsake.Actor, url keepsake.Secret) (string, error)
}

// anotherServer is the choice of a server that no configuration names.
const anotherServer = "another server"

type restoreStarter interface {
	restoreReader
	StartRestore(ctx context.Context, actor keepsake.Actor, in console.StartRestoreInput) (console.Operation, error)
}

// restoreInput is the form of a restore.
type restoreInput struct {
	target, database, provider, confirm string
	scope                               keepsake.Scope // zero: no tier was ticked
	// the address of another server, sealed: it never goes back to the browser in the clear
	sealed    string
	sealFault string
}

// databaseName matches what a new database may be called here: a name that needs no quotes in SQL.
var databaseName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func readRestore(c echo.Context, con restoreReader) (restoreInput, error) {
	form, err := c.FormParams()
	if err != nil {
		return restoreInput{}, keepsake.Errorf(keepsake.CodeInvalid, "the form could not be read; send it again: %w", err)
	}
	in := restoreInput{
		target:   form.Get("target"),
		database: strings.TrimSpace(form.Get("database")),
		provider: form.Get("provider"),
		confirm:  strings.TrimSpace(form.Get("confirm")),
	}
	in.sealed = form.Get("sealed")
	f := keepsake.ScopeFields{
		WeddingID:      form.Get("wedding"),
		OrganizationID: form.Get("organization"),
		Tiers:          tiersNamed(form["tier"]),
	}
	if f.Named() > 0 {
		if in.scope, err = wholeIfEvery(f.Scope()); err != nil {
			return in, err
		}
	}
	if in.target != anotherServer {
		in.sealed = ""
	} else if typed := strings.TrimSpace(form.Get("url")); typed != "" || in.sealed == "" {
		in.sealed, err = con.SealTarget(c.Request().Context(), actor(c), keepsake.Secret(typed))
		if keepsake.CodeOf(err) == keepsake.CodeInvalid && err != nil {
			in.sealFault, err = keepsake.MessageOf(err), nil
		}
	}
	return in, err
}

// wholeIfEvery takes the form's three ticks for everything, which also brings what belongs to no tier.
func wholeIfEvery(s keepsake.Scope, err error) (keepsake.Scope, error) {
	if len(s.Tiers()) == len(keepsake.Tiers()) {
		return keepsake.Everything(), err
	}
	return s, err
}

// faults says what is wrong with the form, by field.
func (in restoreInput) faults(p console.PointDetail, targets []string) map[string]string {
	faults := map[string]string{}
	switch {
	case in.database == "":
		faults["database"] = "Give the new database a name."
	case !databaseName.MatchString(in.database):
		faults["database"] = "Use small letters, digits and _, at most 63, and no digit first."
	case len(targets) > 0 && in.database == p.Point.Database && in.target == targets[0]:
		faults["database"] = "That is the platform's own database. Choose another name: a restore never writes into it."
	}
	switch {
	case in.target == anotherServer && in.sealFault != "":
		faults["url"] = in.sealFault
	case in.target != anotherServer && !slices.Contains(targets, in.target):
		faults["target"] = "Choose one of these servers."
	}
	if in.scope.IsZero() {
		faults["tier"] = "Choose at least one."
	}
	if in.provider != "" && !slices.ContainsFunc(p.Point.Copies,
		func(c keepsake.Copy) bool { return c.Provider == in.provider }) {
		faults["provider"] = "This recovery point has no copy there."
	}
	return faults
}

// ShowRestoreForm draws the form that asks where a recovery point goes.
func ShowRestoreForm(pages Pages, con restoreReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		of, err := wholeIfEvery(scopeOf(c.QueryParam("wedding"), c.QueryParams()))
		if err != nil {
			return err
		}
		if of.IsZero() { // a link may choose less
			of = keepsake.Everything()
		}
		p, damage, err := pointToRestore(c, pages, con, of)
		if err != nil {
			return err
		}
		targets := append(con.RestoreTargets(), anotherServer)
		in := restoreInput{
			target:   targets[0],
			database: suggestDatabase(p.Point.Database, pages.Now().In(pages.clock().Zone).Format("20060102_1504")),
			scope:    of,
		}
		if chosen := c.QueryParam("target"); slices.Contains(targets, chosen) {
			in.target = chosen
		}
		in.provider = c.QueryParam("provider") // of one that has no copy the form says so when it is sent
		vm := restoreForm(c, pages, p, con.RestoreTargets(), in, nil)
		vm.Notices = slices.Concat(vm.Notices, damage, proofNotice(c, pages, "restoring"))
		return Render(c, http.StatusOK, views.RestorePage(vm))
	}
}

// latestPoint stands in the address of the form for the newest recovery point.
const latestPoint = "latest"

// pointToRestore returns the recovery point of the form, and what is to be said of damage to the scope. Of a wedding's
// latest point it is the newest safe one before the newest damage. Where there is none, or nobody could look, it is the
// latest. Damage is looked for once: each look may take console.LookTime.
func pointToRestore(c echo.Context, pages Pages, con restoreReader, of keepsake.Scope) (
	console.PointDetail, []ui.Notice, error) {
	ctx, id := c.Request().Context(), c.Param("id")
	var d *engine.Damage
	var looked error
	safe := id == latestPoint && of.WeddingID() != ""
	if safe {
		d, looked = con.FindDamage(ctx, actor(c), console.ScopedInput{Scope: of, Point: id})
		if looked == nil && d != nil {
			id = d.Point
		}
	}
	p, err := con.GetPoint(ctx, actor(c), id)
	if err != nil {
		return p, nil, err
	}
	// Of more than a wedding, an account that is bound to an organization would only be put on record.
	if !safe && (actor(c).Organization == "" || of.WeddingID() != "") {
		d, looked = con.FindDamage(ctx, actor(c), console.ScopedInput{Scope: of, Point: p.Point.ID})
	}
	return p, afterDamage(pages, p, of, d, looked), nil
}

// afterDamage says that a recovery point does not hold what its scope has lost, and leads to one that does.
func afterDamage(pages Pages, p console.PointDetail, of keepsake.Scope, d *engine.Damage, err error) []ui.Notice {
	if err != nil {
		return []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: draw.NotLooked(err),
			Text: "This recovery point may be from after a damage: look at what it holds before you restore it." +
				draw.HintFailed(err, pages.clock()),
		}}
	}
	if d == nil || !p.Point.Time.After(d.From) {
		return nil
	}
	text := draw.DamageWords(d, pages.clock()) + " What vanished is not in this recovery point, and would not come " +
		"back. The " +
		draw.NewestBefore(d) + " one before that is of " +
		pages.clock().Second(d.From) + "." + draw.UnsafeWords(d)
	return []ui.Notice{{
		Tone:  ui.ToneWarn,
		Title: "This recovery point is from after the damage",
		Text:  text,
		Href:  draw.PointURL(d.Point) + "/restore?" + scopeQuery(of).Encode(),
		Link:  "Restore from the " + draw.BeforeIt(d),
	}}
}

// suggestDatabase returns a name that most likely is not taken yet.
func suggestDatabase(database, moment string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(database))
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "platform_" + name
	}
	return name[:min(len(name), 40)] + "_restored_" + moment
}

// StartRestore starts a restore, when the person typed the name of the new database, and goes to its page.
func StartRestore(pages Pages, con restoreStarter) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := readRestore(c, con)
		if keepsake.CodeOf(err) == keepsake.CodeProof && err != nil {
			return proveFirst(c, restoreAgain(c))
		}
		if err != nil {
			return err
		}
		p, err := con.GetPoint(c.Request().Context(), actor(c), c.Param("id"))
		if err != nil {
			return err
		}
		targets := con.RestoreTargets()
		if faults := in.faults(p, targets); len(faults) > 0 {
			return Render(c, http.StatusUnprocessableEntity, views.RestorePage(restoreForm(c, pages, p, targets, in, faults)))
		}
		if !fold.SameName(in.confirm, in.database) {
			return showRestoreConfirm(c, pages, con, p, in, http.StatusUnprocessableEntity,
				"That is not the name. Type it as it stands above; nothing was started.")
		}
		o, err := con.StartRestore(c.Request().Context(), actor(c), console.StartRestoreInput{
			Point:        p.Point.ID,
			Target:       in.server(),
			TargetURL:    in.sealed,
			Database:     in.database,
			Scope:        in.scope,
			Provider:     in.provider,
			Confirmation: in.confirm,
		})
		code := keepsake.CodeOf(err)
		if err != nil && code == keepsake.CodeProof {
			return proveFirst(c, restoreAgain(c))
		}
		if err != nil && (code == keepsake.CodeInvalid || code == keepsake.CodeConflict || code == keepsake.CodeUnsupported ||
			code == keepsake.CodeUnavailable) {
			vm := restoreForm(c, pages, p, targets, in, nil)
			vm.Notices = append(vm.Notices, ui.Notice{
				Tone:  ui.ToneBad,
				Title: "The restore was not started",
				Text:  draw.Sentence(keepsake.MessageOf(err)),
			})
			status := http.StatusUnprocessableEntity
			if code == keepsake.CodeConflict {
				status = http.StatusConflict
			}
			if code == keepsake.CodeUnavailable {
				status = http.StatusServiceUnavailable
			}
			return Render(c, status, views.RestorePage(vm))
		}
		if err != nil {
			return err
		}
		return redirect(c, draw.OperationURL(o.ID))
	}
}

// restoreAgain leads back to the form, after a proof or from the confirmation. What was chosen on it comes along, what
// was typed does not.
func restoreAgain(c echo.Context) string {
	q := url.Values{}
	for _, name := range []string{"wedding", "organization", "tier", "target", "provider"} {
		for _, value := range c.Request().Form[name] {
			if value != "" {
				q.Add(name, value)
			}
		}
	}
	return strings.TrimSuffix(draw.PointURL(c.Param("id"))+"/restore?"+q.Encode(), "?")
}

// server is the configured server, "" for another one.
func (in restoreInput) server() string {
	if in.target == anotherServer {
		return ""
	}
	return in.target
}

// limit says what a restore is limited to; "" for nothing.
func (in restoreInput) limit() string {
	switch in.scope.Kind() {
	case keepsake.ScopeWedding, keepsake.ScopeOrganization:
		return "only " + in.scope.Words("")
	}
	return ""
}

func restoreForm(c echo.Context, pages Pages, p console.PointDetail, targets []string, in restoreInput,
	faults map[string]string) views.RestoreForm {
	vm := views.RestoreForm{
		Shell:          pages.Shell(c, "Restore", "points"),
		PointID:        p.Point.ID,
		Title:          "Restore to a new database",
		Database:       in.database,
		Provider:       in.provider,
		Errors:         faults,
		Facts:          draw.RestoreFacts(p, pages.clock()),
		Other:          anotherServer,
		OtherChosen:    in.target == anotherServer,
		Sealed:         in.sealed,
		Limit:          in.limit(),
		WeddingID:      in.scope.WeddingID(),
		OrganizationID: in.scope.OrganizationID(),
	}
	for i, name := range targets {
		t := views.TargetOption{Value: name, Name: name, Text: "A server from the configuration", Checked: name == in.target}
		if i == 0 {
			t.Text = "The server that the platform itself runs on"
		}
		vm.Targets = append(vm.Targets, t)
	}
	for _, cp := range p.Point.Copies {
		if cp.Confirmed {
			vm.Options = append(vm.Options, views.ProviderOption{Name: cp.Provider, Text: cp.Provider + " (" + cp.Medium + ")"})
		}
	}
	for _, tier := range keepsake.Tiers() {
		vm.Tiers = append(vm.Tiers, views.TierOption{
			Value:   string(tier),
			Name:    format.Title(string(tier)),
			Text:    draw.TierTables(p, tier),
			Checked: in.scope.Holds(tier),
		})
	}
	vm.Notices = append(vm.Notices, doubtNotices(pages, p)...)
	if p.Missing != "" {
		vm.Notices = append(vm.Notices, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "No provider could show this recovery point just now",
			Text:  draw.Sentence(p.Missing),
		})
	}
	return vm
}

// doubtNotices says that the recovery point is suspect, that newer ones are, or that somebody's doubt may be unread, in
// the same words on each page.
func doubtNotices(pages Pages, p console.PointDetail) []ui.Notice {
	return slices.Concat(draw.SuspectNotice(p.Point), draw.PassedNotices(p.Passed, pages.clock()), draw.UnreadNotice(p))
}

// scopeQuery names in an address the wedding or the organization that a restore is limited to.
func scopeQuery(of keepsake.Scope) url.Values {
	if id := of.WeddingID(); id != "" {
		return url.Values{"wedding": {id}}
	}
	return draw.ScopedFields(of)
}
