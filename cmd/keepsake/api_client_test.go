package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/wedsync/keepsake/internal/apiclient"
)

// typed is a program that uses the JSON API through the client that is generated from its document.
type typed struct {
	*apiclient.ClientWithResponses
	t *testing.T
}

func (s script) client() typed {
	s.t.Helper()
	c, err := apiclient.NewClientWithResponses(s.base,
		apiclient.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+s.token)
			return nil
		}))
	if err != nil {
		s.t.Fatal(err)
	}
	return typed{c, s.t}
}

// as returns what reads a reply of the client: its status must be the one, and the document must have said that it
// holds a T.
func as[T any](t *testing.T, status int) func(reply any, err error) *T {
	return func(reply any, err error) *T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		r := reflect.ValueOf(reply).Elem()
		response, _ := r.FieldByName("HTTPResponse").Interface().(*http.Response)
		if response.StatusCode != status {
			t.Fatalf("%s: %d, want %d\n%s", response.Request.URL, response.StatusCode, status, r.FieldByName("Body").Bytes())
		}
		name := fmt.Sprintf("JSON%d", status)
		if status >= 400 {
			name = "ApplicationProblemJSON" + fmt.Sprint(status)
		}
		f := r.FieldByName(name)
		if !f.IsValid() || f.IsNil() {
			t.Fatalf("%s: the document does not say what %d holds\n%s", response.Request.URL, status,
				r.FieldByName("Body").Bytes())
		}
		v, ok := f.Interface().(*T)
		if !ok {
			t.Fatalf("%s: %s is a %s", response.Request.URL, name, f.Type())
		}
		return v
	}
}

// ended waits for an operation by its stream.
func (c typed) ended(id string) *apiclient.Operation {
	c.t.Helper()
	stream, err := c.StreamOperationWithResponse(c.t.Context(), id, nil)
	if err != nil || stream.StatusCode() != http.StatusOK {
		c.t.Fatalf("the stream of %s: %v", id, err)
	}
	if !strings.HasPrefix(stream.HTTPResponse.Header.Get("Content-Type"), "text/event-stream") ||
		!bytes.Contains(stream.Body, []byte("\nevent: state\ndata: {")) {
		c.t.Errorf("the stream of %s: %v\n%s", id, stream.HTTPResponse.Header, stream.Body)
	}
	return as[apiclient.Operation](c.t, http.StatusOK)(c.GetOperationWithResponse(c.t.Context(), id))
}

// preview shows what a restore would do, and restore confirms it.
func (c typed) preview(in apiclient.Restore) *apiclient.Preview {
	c.t.Helper()
	return as[apiclient.RestoreAnswer](c.t, http.StatusOK)(c.RestoreWithResponse(c.t.Context(), nil, in)).Preview
}

func (c typed) restore(in apiclient.Restore, shown *apiclient.Preview) *apiclient.Operation {
	c.t.Helper()
	in.Confirm = &apiclient.Confirm{Fingerprint: &shown.Fingerprint, Name: shown.Name}
	reply, err := c.RestoreWithResponse(c.t.Context(), nil, in)
	o := as[apiclient.RestoreAnswer](c.t, http.StatusAccepted)(reply, err).Operation
	if l := reply.HTTPResponse.Header.Get("Location"); l != "/api/backups/"+o.ID {
		c.t.Errorf("Location: %s", l)
	}
	return c.ended(o.ID)
}

// TestAScriptAtTheAPI takes a backup and waits, lists a wedding's recovery points, previews and confirms a restore and
// takes it back, labels a point, tests it, and restores into a new database: what the README shows, over the real
// program, by the generated client.
func TestAScriptAtTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	s := w.scripted(t, "read", "backup", "restore")
	c, ctx := s.client(), t.Context()

	// A backup, sent at once under one key, is one backup.
	key := "deploy 17"
	params := &apiclient.CreateBackupParams{IdempotencyKey: &key}
	want := apiclient.CreateBackup{
		Type:      apiclient.CreateBackupTypeIncremental,
		Wedding:   new("3"),
		Milestone: new("contract_signed"),
		Note:      new("before the deploy"),
		Labels:    &map[string]string{"app": "4.2"},
	}
	var wg sync.WaitGroup
	ids := make([]string, 4)
	for i := range ids {
		wg.Go(func() {
			if a, err := c.CreateBackupWithResponse(ctx, params, want); err == nil && a.JSON202 != nil {
				ids[i] = a.JSON202.ID
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("one key made the operations %q", ids)
		}
	}
	as[apiclient.Problem](t, http.StatusConflict)(
		c.CreateBackupWithResponse(ctx, params, apiclient.CreateBackup{Type: apiclient.CreateBackupTypeFull}))
	if o := c.ended(ids[0]); o.State != apiclient.OperationStateDone || !*o.Protected || o.Progress.Fraction != 1 {
		t.Errorf("the backup: %+v", o)
	}
	point := c.findsPoints()
	c.labels(point)
	c.knowsHowThingsStand(point)
	c.readsTheTrail(ids[0])

	// A wedding loses its clients, and gets them back.
	const clients = "select count(*) from clients where wedding_id = 3"
	all := query[int](t, w.platform, clients)
	execute(t, w.platform, "delete from clients where wedding_id = 3")
	ask := apiclient.Restore{Wedding: new("3"), Point: &point}
	shown := c.preview(ask)
	if shown.Insert != int64(all) || query[int](t, w.platform, clients) != 0 {
		t.Errorf("%+v", shown)
	}
	back := c.restore(ask, shown)
	if back.Changed == nil || back.Changed.Inserted != int64(all) || query[int](t, w.platform, clients) != all {
		t.Errorf("%+v", back)
	}
	if stale := c.restore(ask, shown); stale.State != apiclient.OperationStateFailed || *stale.ErrorCode != "conflict" {
		t.Errorf("an old preview: %+v", stale)
	}
	undo := c.ended(as[apiclient.Operation](t, http.StatusAccepted)(c.UndoRestoreWithResponse(ctx, *back.Restore, nil)).ID)
	if undo.State != apiclient.OperationStateDone || query[int](t, w.platform, clients) != 0 {
		t.Errorf("%+v", undo)
	}
	as[apiclient.Undo](t, http.StatusOK)(c.GetRestoreWithResponse(ctx, *back.Restore))
	as[apiclient.Problem](t, http.StatusConflict)(c.CancelOperationWithResponse(ctx, ids[0], nil))

	// One organization into a new database, by the raw bytes: a body that is nobody's struct.
	t.Cleanup(func() { dropDatabase(t, w.platform, "from_the_api") })
	fresh := c.ended(field[string](s.send(http.MethodPost, "/api/backups/restore",
		map[string]any{"organization": "5", "database": map[string]string{"name": "from_the_api"},
			"confirm": map[string]string{"name": "from_the_api"}}).want(http.StatusAccepted), "operation.id"))
	if fresh.State != apiclient.OperationStateDone || !fresh.Restored.Verified {
		t.Errorf("%+v", fresh)
	}
	for path, name := range map[string]string{"/api/operations?wedding=3": "operations",
		"/api/operations?organization=5": "operations", "/api/operations?kind=scoped&state=failed": "operations",
		"/api/weddings?search=ada&limit=3": "weddings", "/api/weddings/3": "points",
		"/api/weddings/3/then": "tables", "/api/weddings/3/contacts": "contacts", "/api/weddings/3/changes?from=" +
			point: "tables", "/api/organizations": "organizations",
		"/api/backups/" + ids[0] + "/log": "lines", "/api/backups/recovery-points/latest": "table_list"} {
		a := s.send(http.MethodGet, path, nil).want(http.StatusOK)
		if n := len(field[[]any](a, name)); n == 0 && name != "contacts" {
			t.Errorf("%s: no %s", path, name)
		}
	}
}

// findsPoints returns the only recovery point, which each filter that is true of it finds, and no other does.
func (c typed) findsPoints() string {
	c.t.Helper()
	list := func(p apiclient.ListPointsParams) []apiclient.Point {
		c.t.Helper()
		return as[apiclient.PointListBody](c.t, http.StatusOK)(c.ListPointsWithResponse(c.t.Context(), &p)).Points
	}
	found := list(apiclient.ListPointsParams{Wedding: new("3"), Milestone: new("contract_signed")})
	if len(found) != 1 || *found[0].Note != "before the deploy" || !found[0].Protected || len(*found[0].Weddings) != 1 {
		c.t.Fatalf("%+v", found)
	}
	made := (*found[0].Weddings)[0]
	for _, p := range []apiclient.ListPointsParams{{}, {Type: new(apiclient.ListPointsParamsTypeIncremental)},
		{State: new(apiclient.ListPointsParamsStateProtected)}, {Tier: new(apiclient.ListPointsParamsTierHigh)},
		{Phase: new(apiclient.ListPointsParamsPhase(*made.Phase))}, {From: &found[0].Time}} {
		if n := len(list(p)); n != 1 {
			c.t.Errorf("%+v finds %d points", p, n)
		}
	}
	for _, p := range []apiclient.ListPointsParams{{Wedding: new("4")},
		{Type: new(apiclient.ListPointsParamsTypeCritical)}, {State: new(apiclient.ListPointsParamsStateUnprotected)},
		{Organization: new("nobody")},
		{Milestone: new("tasting")}, {To: &found[0].Time}} {
		if n := len(list(p)); n != 0 {
			c.t.Errorf("%+v finds %d points", p, n)
		}
	}
	return found[0].ID
}

// labels a recovery point and tests it.
func (c typed) labels(point string) {
	c.t.Helper()
	saved := as[apiclient.PointDetail](c.t, http.StatusOK)(
		c.SavePointWithResponse(c.t.Context(), point, apiclient.SavePoint{
			Labels: &map[string]string{"deploy": "blue"},
			Locked: new(true),
		}))
	if (*saved.Labels)["deploy"] != "blue" || saved.Locked == nil || !*saved.Locked || *saved.Note != "before the deploy" {
		c.t.Errorf("%+v", saved)
	}
	o := c.ended(as[apiclient.Operation](c.t, http.StatusAccepted)(
		c.StartTestWithResponse(c.t.Context(), nil, apiclient.StartTest{Point: &point, Deep: new(true)})).ID)
	if o.State != apiclient.OperationStateDone || !*o.Ok {
		c.t.Fatalf("%+v", o)
	}
	tests := as[apiclient.TestListBody](c.t, http.StatusOK)(
		c.ListTestsWithResponse(c.t.Context(),
			&apiclient.ListTestsParams{Point: new("latest"), State: new(apiclient.ListTestsParamsStatePassed)})).Tests
	if len(tests) != 1 || tests[0].Point != point || *tests[0].Operation != o.ID {
		c.t.Fatalf("%+v", tests)
	}
	one := as[apiclient.TestDetail](c.t, http.StatusOK)(c.GetTestWithResponse(c.t.Context(), tests[0].ID))
	if one.Proof == nil || one.Proof.RowsFound == 0 || one.Proof.RowsFound != one.Proof.RowsExpected ||
		len(*one.Copies) != 3 || len(one.Report) != 0 {
		c.t.Errorf("%+v", one)
	}
}

// knowsHowThingsStand asks for what is judged of the whole.
func (c typed) knowsHowThingsStand(point string) {
	c.t.Helper()
	reply, err := c.GetStatusWithResponse(c.t.Context(), nil)
	status := as[apiclient.Status](c.t, http.StatusOK)(reply, err)
	if !status.Protected || status.Urgency == "" || len(status.Weddings) == 0 ||
		status.Performance.BackupBytesPerSecond == nil || status.Newest.ID != point {
		c.t.Errorf("%s", reply.Body)
	}
	tag := reply.HTTPResponse.Header.Get("ETag")
	for _, tags := range [][]string{{tag}, {strings.TrimPrefix(tag, "W/")}, {`"other"`, tag}, {"*"}} {
		if again, err := c.GetStatusWithResponse(c.t.Context(), &apiclient.GetStatusParams{IfNoneMatch: &tags}); err != nil ||
			again.StatusCode() != http.StatusNotModified || len(again.Body) != 0 {
			c.t.Errorf("If-None-Match: %s: %s, %v", tags, again.Status(), err)
		}
	}
	if again, err := c.GetStatusWithResponse(c.t.Context(),
		&apiclient.GetStatusParams{IfNoneMatch: &[]string{`"other"`}}); err != nil || again.StatusCode() != http.StatusOK {
		c.t.Errorf("another tag: %s, %v", again.Status(), err)
	}
	rules := as[apiclient.Compliance](c.t, http.StatusOK)(c.GetComplianceWithResponse(c.t.Context()))
	if !rules.Rule.Met || rules.TooOld || rules.ProtectedTooOld || *rules.LastProtected != point ||
		rules.LastTest == nil || len(rules.Tiers) != 3 || rules.AuditRows == 0 {
		c.t.Errorf("%+v", rules)
	}
	for _, p := range rules.Providers {
		if p.Integrity == nil || *p.Integrity != 1 || !p.Confirmed || p.VerifiedAt == nil {
			c.t.Errorf("%+v", p)
		}
	}
	if list := as[apiclient.ProviderListBody](c.t, http.StatusOK)(
		c.ListProvidersWithResponse(c.t.Context())).Providers; len(list) != 3 {
		c.t.Errorf("%+v", list)
	}
}

// readsTheTrail finds the backup on record, has the trail read, and takes it out in both forms.
func (c typed) readsTheTrail(backup string) {
	c.t.Helper()
	ctx := c.t.Context()
	list := as[apiclient.AuditListBody](c.t, http.StatusOK)(
		c.ListAuditWithResponse(ctx, &apiclient.ListAuditParams{
			Action:  new("backup.start"),
			Outcome: new(apiclient.ListAuditParamsOutcomeAllowed),
		}))
	if len(list.Entries) != 1 || *list.Entries[0].Target != backup || list.Entries[0].Token == nil ||
		list.Entries[0].RequestID == nil || *list.Entries[0].Wedding != "3" {
		c.t.Fatalf("%+v", list.Entries)
	}
	first := list.Entries[0]
	for _, p := range []apiclient.ListAuditParams{{Cursor: &first.ID, Action: &first.Action},
		{To: &first.At, Action: &first.Action}, {Actor: new("nobody")}, {Action: &first.Action, Security: new(true)}} {
		if n := len(as[apiclient.AuditListBody](c.t, http.StatusOK)(c.ListAuditWithResponse(ctx, &p)).Entries); n != 0 {
			c.t.Errorf("%+v finds %d entries", p, n)
		}
	}
	verdict := as[apiclient.AuditVerdict](c.t, http.StatusOK)(c.VerifyAuditWithResponse(ctx, nil))
	if !verdict.Intact || verdict.Rows < first.ID {
		c.t.Errorf("%+v", verdict)
	}
	if rules := as[apiclient.Compliance](c.t, http.StatusOK)(c.GetComplianceWithResponse(ctx)); rules.Audit == nil ||
		!rules.Audit.Intact || rules.Audit.Rows != verdict.Rows {
		c.t.Errorf("%+v", rules.Audit)
	}
	for format, begins := range map[apiclient.ExportAuditParamsFormat]string{"csv": "id,at,actor", "jsonl": `{"id":`} {
		a, err := c.ExportAuditWithResponse(ctx, &apiclient.ExportAuditParams{Format: &format, Action: &first.Action})
		if err != nil || a.StatusCode() != http.StatusOK || !strings.HasPrefix(string(a.Body), begins) ||
			!strings.Contains(string(a.Body), first.Hash) {
			c.t.Errorf("%s: %v\n%s", format, err, a.Body)
		}
	}
	if a, err := c.ExportAuditWithResponse(ctx, &apiclient.ExportAuditParams{Actor: new("nobody")}); err != nil ||
		a.StatusCode() != http.StatusOK || len(a.Body) != 0 {
		c.t.Errorf("an export of nothing: %v\n%s", err, a.Body)
	}
}
