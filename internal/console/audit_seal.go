package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Notes is what the console needs of the repository to seal the audit trail into it.
type Notes interface {
	KeepNote(ctx context.Context, topic string, plain []byte) error
	ListNotes(ctx context.Context, topic string) (engine.Notes, error)
	NoteTime(ctx context.Context, topic string) (time.Time, error)
}

var _ Notes = (*engine.Engine)(nil)

const (
	// sealEvery is between two looks whether a seal is due; one is due once a day, so that a console that slept catches up.
	sealEvery = time.Hour
	// verdictName is the setting that holds how the trail was found last.
	verdictName = "audit_verdict"
)

// AuditVerdict is how the audit trail was found, and when.
type AuditVerdict struct {
	audit.Report
	Checked time.Time `json:"checked"`
	Missing []string  `json:"missing,omitempty"` // what of the seals could not be read
	// Unsealed says why there is nothing in the repository to compare with; empty where seals could be read.
	Unsealed string `json:"unsealed,omitempty"`

	seals []audit.Seal
}

// sealedOn reports whether a seal of this trail was made on a day. It need not be the newest: one that was made while the clock was ahead stands
// after it.
func (v AuditVerdict) sealedOn(at time.Time) bool {
	return slices.ContainsFunc(v.seals, func(s audit.Seal) bool { return s.Trail == v.Trail && sameDay(s.At, at) })
}

// SealAudit stores once a day in the repository how the trail ends, after reading it from its beginning: a broken trail is not sealed but
// put on record. Two workers that do it at once do no harm.
func (c *Console) SealAudit(ctx context.Context) error {
	newest, err := c.notes.NoteTime(ctx, audit.SealTopic)
	if keepsake.CodeOf(err) == keepsake.CodeNotFound && err != nil {
		return nil // no repository yet
	}
	if err != nil {
		return err
	}
	if sameDay(newest, c.now()) {
		return nil
	}
	v, err := c.verifyAudit(ctx)
	if err != nil {
		return err
	}
	if !v.Intact {
		return nil // that is on record
	}
	if v.sealedOn(c.now()) {
		return nil
	}
	seal := v.Seal(c.now())
	note, err := seal.Encode()
	if err != nil {
		return err
	}
	failed := c.notes.KeepNote(ctx, audit.SealTopic, note)
	if at, err := c.notes.NoteTime(ctx, audit.SealTopic); err == nil && sameDay(at, c.now()) { // one provider is enough
		v.Sealed, v.Seals = &seal, v.Seals+1
		if err := c.keepVerdict(ctx, v); err != nil {
			return err
		}
	}
	if failed != nil {
		return fmt.Errorf("keep the seal: %w", failed)
	}
	return nil
}

func sameDay(a, b time.Time) bool { return day(a.UTC()).Equal(day(b.UTC())) }

// VerifyAudit reads the whole trail, compares it with every seal of the repository and names the first row that is not as it was written.
func (c *Console) VerifyAudit(ctx context.Context, actor keepsake.Actor) (AuditVerdict, error) {
	if err := mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return AuditVerdict{}, c.refused(ctx, actor, "audit.verify", "", nil, err)
	}
	v, err := c.verifyAudit(ctx)
	if err != nil {
		return v, c.refused(ctx, actor, "audit.verify", "", nil, err)
	}
	err = c.recordDone(ctx, actor, "audit.verify", "", map[string]any{"intact": v.Intact, "rows": v.Rows, "broken": v.Broken})
	if err != nil && !v.Intact { // it may be broken so that nothing can be appended: that is what whoever asks has to know
		c.log.ErrorContext(ctx, "that the audit trail was verified could not be recorded", "err", err)
		err = nil
	}
	return v, err
}

// verifyAudit verifies, keeps the verdict for the page, and puts a trail that is newly found broken on record.
func (c *Console) verifyAudit(ctx context.Context) (AuditVerdict, error) {
	v := AuditVerdict{Checked: c.now().UTC()}
	seals, err := c.readSeals(ctx, &v)
	if err != nil {
		return v, err
	}
	v.seals = seals
	if v.Report, err = audit.Verify(ctx, c.db, seals...); err != nil {
		return v, err
	}
	before, err := c.lastVerdict(ctx)
	if err != nil {
		return v, err
	}
	if !v.Intact && (before == nil || before.Intact || before.Broken != v.Broken) {
		c.log.ErrorContext(ctx, "the audit trail is not as it was written", "row", v.Broken, "problem", v.Problem)
		entry := audit.Entry{Action: "audit.broken", Target: fmt.Sprintf("row %d", v.Broken), Outcome: audit.Failed, Detail: map[string]any{"problem": v.Problem}}
		if err := audit.Refuse(ctx, c.db, keepsake.System("audit"), entry); err != nil {
			c.log.ErrorContext(ctx, "that the audit trail is broken could not be recorded", "err", err)
		}
	}
	return v, c.keepVerdict(ctx, v)
}

// readSeals reads every seal of the repository. That none can be read does not keep the trail itself from being looked at.
func (c *Console) readSeals(ctx context.Context, v *AuditVerdict) ([]audit.Seal, error) {
	if c.notes == nil {
		v.Unsealed = "this console has no repository to seal the trail into"
		return nil, nil
	}
	notes, err := c.notes.ListNotes(ctx, audit.SealTopic)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		v.Unsealed = keepsake.MessageOf(err)
		return nil, nil
	}
	v.Missing = notes.Missing
	var seals []audit.Seal
	for _, n := range notes.List {
		s, err := audit.DecodeSeal(n.Plain)
		if err != nil {
			v.Missing = append(v.Missing, n.ID+": "+keepsake.MessageOf(err))
			continue
		}
		seals = append(seals, s)
	}
	return seals, nil
}

// BeginAudit puts on record that the trail stands in the place of others on purpose: the console database was made anew.
func (c *Console) BeginAudit(ctx context.Context, actor keepsake.Actor) ([]audit.Seal, error) {
	if err := mayActOnPlatform(actor, keepsake.MayRestore); err != nil {
		return nil, c.refused(ctx, actor, "audit.begin", "", nil, err)
	}
	var v AuditVerdict
	seals, err := c.readSeals(ctx, &v)
	if err == nil && v.Unsealed != "" {
		err = keepsake.Errorf(keepsake.CodeUnavailable, "The seals in the repository could not be read, so nothing was put on record: %s", v.Unsealed)
	}
	if err != nil {
		return nil, c.refused(ctx, actor, "audit.begin", "", nil, err)
	}
	r, err := audit.Verify(ctx, c.db, seals...)
	if err != nil {
		return nil, c.refused(ctx, actor, "audit.begin", "", nil, err)
	}
	newest := map[string]audit.Seal{}
	for _, s := range seals {
		if s.Trail != r.Trail && s.Row >= newest[s.Trail].Row {
			newest[s.Trail] = s
		}
	}
	var ended []audit.Seal
	for trail, s := range newest {
		if err := c.recordDone(ctx, actor, "audit.begin", trail, map[string]any{"row": s.Row, "hash": s.Hash, "sealed": s.At}); err != nil {
			return ended, err
		}
		ended = append(ended, s)
	}
	return ended, nil
}

// lastVerdict returns how the trail was found last, nil when nobody has looked yet.
func (c *Console) lastVerdict(ctx context.Context) (*AuditVerdict, error) {
	var raw []byte
	err := c.db.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) (err error) {
		raw, err = tx.GetSetting(ctx, verdictName)
		return err
	})
	if db.IsNoRows(err) {
		return nil, nil //nolint:nilnil // nobody has looked: that is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("read how the audit trail was found: %w", err)
	}
	var v AuditVerdict
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, errors.Join(errors.New("decode how the audit trail was found"), err)
	}
	return &v, nil
}

func (c *Console) keepVerdict(ctx context.Context, v AuditVerdict) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode how the audit trail was found: %w", err)
	}
	err = c.db.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) error {
		return tx.SetSetting(ctx, sqlcgen.SetSettingParams{Name: verdictName, Value: raw})
	})
	if err != nil {
		return fmt.Errorf("store how the audit trail was found: %w", err)
	}
	return nil
}
