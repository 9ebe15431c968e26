package console

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Notes is the part of the repository that the console needs to seal the audit trail into it.
type Notes interface {
	KeepNote(ctx context.Context, topic string, plain []byte) (engine.Kept, error)
	ListNotes(ctx context.Context, topic string) (engine.Notes, error)
	ReadNote(ctx context.Context, topic string) ([]byte, error)
	NoteTime(ctx context.Context, topic string) (time.Time, error)
}

var _ Notes = (*engine.Engine)(nil)

const (
	// sealEvery is between two looks whether a seal is due. One is due an hour after the last where anything was recorded
	// since, and sealSoon after the last where that is a security event; after mostSealsSoon within an hour only every
	// sealSeldom, so that who guesses passwords fills no repository.
	sealEvery     = time.Minute / 2
	sealHourly    = time.Hour
	sealSoon      = time.Minute
	sealSeldom    = 10 * time.Minute
	mostSealsSoon = 6
)

// AuditVerdict is the result of a verification of the audit trail, and when it was made.
type AuditVerdict struct {
	audit.Report
	Checked time.Time `json:"checked"`
	Missing []string  `json:"missing,omitempty"` // what of the seals could not be read
	// Unsealed says why no seal of the repository could be compared. It is empty where seals could be read.
	Unsealed string `json:"unsealed,omitempty"`
}

// sealing is what this process knows of the newest seal.
type sealing struct {
	mu     sync.Mutex
	last   *audit.Seal
	at     time.Time
	recent []time.Time // when this process made seals within the last hour
}

func (s *sealing) know(seal audit.Seal, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.at = &seal, at
}

func (s *sealing) made(seal audit.Seal, at time.Time) {
	s.know(seal, at)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent = slices.DeleteFunc(append(s.recent, at), func(t time.Time) bool { return at.Sub(t) > time.Hour })
}

// SealAudit seals the end of the audit trail into the repository: once an hour where the trail has grown, and soon
// after a security event. Before that it verifies what was appended since the repository's newest seal, and once a
// day the whole trail. It records a broken trail and seals it as it stands, so that what follows the break is vouched
// for. Two workers that call it at once do no harm.
func (c *Console) SealAudit(ctx context.Context) error {
	before, err := c.lastVerdict(ctx)
	if err != nil {
		return err
	}
	if before != nil && sameDay(before.Checked, c.now()) {
		due, err := c.isSealDue(ctx)
		if err != nil || !due {
			return err
		}
	}
	_, known, err := c.newestSeal(ctx)
	if keepsake.CodeOf(err) == keepsake.CodeNotFound && err != nil {
		return nil // no repository yet
	}
	if err != nil {
		return err
	}
	if before == nil || !sameDay(before.Checked, c.now()) {
		known = false
	}
	_, err = c.sealAudit(ctx, known)
	return err
}

// SealAuditNow seals the end of the trail at once, for a person who asks for it.
func (c *Console) SealAuditNow(ctx context.Context, actor keepsake.Actor) (AuditVerdict, error) {
	err := mayActOnPlatform(actor, keepsake.MayBackup)
	if err == nil { // first, so that the seal covers it
		err = c.recordDone(ctx, actor, audit.TrailSeal, "", nil)
	}
	var known bool
	if err == nil {
		_, known, err = c.newestSeal(ctx)
	}
	var v AuditVerdict
	if err == nil {
		v, err = c.sealAudit(ctx, known)
	}
	if err != nil {
		return v, c.recordRefused(ctx, actor, audit.TrailSeal, "", nil, err)
	}
	return v, nil
}

// isSealDue asks the console database alone, except the first time.
func (c *Console) isSealDue(ctx context.Context) (bool, error) {
	c.sealing.mu.Lock()
	last, at, recent := c.sealing.last, c.sealing.at, len(c.sealing.recent)
	c.sealing.mu.Unlock()
	if last == nil {
		return true, nil // what the repository holds is not known yet
	}
	var ends sqlcgen.GetAuditEndsRow
	err := c.db.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) (err error) {
		ends, err = tx.GetAuditEnds(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look how far the trail goes: %w", err)
	}
	soon := sealSoon
	if recent >= mostSealsSoon {
		soon = sealSeldom
	}
	age := c.now().Sub(at)
	return ends.Newest > last.Row && (age >= sealHourly || age < 0) || ends.Security > last.Row && age >= soon, nil
}

// newestSeal reads the newest seal of the repository. known is false where there is no seal, or none can be read.
func (c *Console) newestSeal(ctx context.Context) (seal audit.Seal, known bool, err error) {
	if c.notes == nil {
		return seal, false, keepsake.Errorf(keepsake.CodeUnavailable,
			"This console has no repository to seal the trail into.")
	}
	note, err := c.notes.ReadNote(ctx, audit.SealTopic)
	switch code := keepsake.CodeOf(err); {
	case err == nil:
	case code == keepsake.CodeDamaged:
		return seal, false, nil
	case code == keepsake.CodeNotFound:
		_, err = c.notes.NoteTime(ctx, audit.SealTopic) // which tells no seal from no repository
		return seal, false, err
	default:
		return seal, false, err
	}
	if seal, err = audit.DecodeSeal(note); err != nil {
		return seal, false, nil //nolint:nilerr // a full verification names it
	}
	c.sealing.know(seal, seal.At)
	return seal, true, nil
}

// sealAudit reads what was appended since the newest seal, or where that says too little the whole trail, and seals its
// end.
func (c *Console) sealAudit(ctx context.Context, known bool) (v AuditVerdict, err error) {
	c.sealing.mu.Lock()
	last := c.sealing.last
	c.sealing.mu.Unlock()
	if known = known && last != nil; known {
		if v.Report, known, err = audit.VerifySince(ctx, c.db, *last); err != nil {
			return v, err
		}
		if known {
			before, err := c.lastVerdict(ctx)
			if err != nil {
				return v, err
			}
			if known = before != nil; known { // what it says of the rows before is as it was read last
				rows, head := v.Rows, v.Report
				v = *before
				v.Report = before.Since(head)
				v.Rows = rows
			}
		}
	}
	if !known {
		if v, err = c.verifyAudit(ctx); err != nil {
			return v, err
		}
	}
	if known && last.Row == v.Rows { // nothing came since
		return v, nil
	}
	return v, c.keepSeal(ctx, &v)
}

// keepSeal puts the end of a trail that was read into the repository. One provider is enough.
func (c *Console) keepSeal(ctx context.Context, v *AuditVerdict) error {
	seal := v.Seal(c.now())
	note, err := seal.Encode()
	if err != nil {
		return err
	}
	kept, err := c.notes.KeepNote(ctx, audit.SealTopic, note)
	if err != nil {
		return fmt.Errorf("keep the seal: %w", err)
	}
	c.logKept(ctx, "the seal of the audit trail", kept)
	v.Sealed, v.Seals = &seal, v.Seals+1
	c.sealing.made(seal, c.now())
	return c.keepVerdict(ctx, *v)
}

// logKept says where a note lies when a provider has not got it. That is no failure: the provider's own state says what
// is wrong with it, and a repair copies the note there.
func (c *Console) logKept(ctx context.Context, what string, kept engine.Kept) {
	if len(kept.Missing)+len(kept.Unasked) > 0 {
		c.log.InfoContext(ctx, what+" is kept, though not at every provider", "where", kept.String())
	}
}

func sameDay(a, b time.Time) bool { return day(a.UTC()).Equal(day(b.UTC())) }

// VerifyAudit reads the whole trail, compares it with every seal in the repository, and names the first row that is
// not as it was written.
func (c *Console) VerifyAudit(ctx context.Context, actor keepsake.Actor) (AuditVerdict, error) {
	if err := mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return AuditVerdict{}, c.recordRefused(ctx, actor, audit.TrailVerify, "", nil, err)
	}
	v, err := c.verifyAudit(ctx)
	if err != nil {
		return v, c.recordRefused(ctx, actor, audit.TrailVerify, "", nil, err)
	}
	err = c.recordDone(ctx, actor, audit.TrailVerify, "",
		map[string]any{"intact": v.Intact, "rows": v.Rows, "broken": v.Broken})
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
	if v.Report, err = audit.Verify(ctx, c.db, seals...); err != nil {
		return v, err
	}
	before, err := c.lastVerdict(ctx)
	if err != nil {
		return v, err
	}
	if !v.Intact && (before == nil || before.Intact || before.Broken != v.Broken || len(before.Breaks) != len(v.Breaks) ||
		before.More != v.More) {
		c.log.ErrorContext(ctx, "the audit trail is not as it was written", "row", v.Broken, "problem", v.Problem)
		entry := audit.Entry{
			Action:  audit.TrailBroken,
			Target:  fmt.Sprintf("row %d", v.Broken),
			Outcome: audit.Failed,
			Detail:  map[string]any{"problem": v.Problem},
		}
		if err := audit.RecordRefused(ctx, c.db, keepsake.System("audit"), entry); err != nil {
			c.log.ErrorContext(ctx, "that the audit trail is broken could not be recorded", "err", err)
		}
	}
	return v, c.keepVerdict(ctx, v)
}

// readSeals reads every seal of the repository. That none can be read does not keep the trail itself from being looked
// at.
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

// BeginAudit records that the trail stands in the place of earlier ones because a person made the console database
// anew.
func (c *Console) BeginAudit(ctx context.Context, actor keepsake.Actor) ([]audit.Seal, error) {
	if err := mayActOnPlatform(actor, keepsake.MayRestore); err != nil {
		return nil, c.recordRefused(ctx, actor, audit.TrailBegin, "", nil, err)
	}
	var v AuditVerdict
	seals, err := c.readSeals(ctx, &v)
	if err == nil && v.Unsealed != "" {
		err = keepsake.Errorf(keepsake.CodeUnavailable,
			"The seals in the repository could not be read, so nothing was put on record: %s", v.Unsealed)
	}
	if err != nil {
		return nil, c.recordRefused(ctx, actor, audit.TrailBegin, "", nil, err)
	}
	r, err := audit.Verify(ctx, c.db, seals...)
	if err != nil {
		return nil, c.recordRefused(ctx, actor, audit.TrailBegin, "", nil, err)
	}
	newest := map[string]audit.Seal{}
	for _, s := range seals {
		if s.Trail != r.Trail && s.Row >= newest[s.Trail].Row {
			newest[s.Trail] = s
		}
	}
	var ended []audit.Seal
	for trail, s := range newest {
		if err := c.recordDone(ctx, actor, audit.TrailBegin, trail,
			map[string]any{"row": s.Row, "hash": s.Hash, "sealed": s.At}); err != nil {
			return ended, err
		}
		ended = append(ended, s)
	}
	return ended, nil
}
