package snapshot

import (
	"cmp"
	"context"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// doubt compares what was read with the newest recovery point that is trusted, when all rows are counted. A writer can
// read none, and compares nothing.
func (b *backup) doubt() {
	if b.before != nil {
		b.manifest.Compared = b.before.ID
		b.manifest.Doubts = policy.Doubts(holding(b.before), holding(b.manifest))
	}
	if b.doubted {
		b.manifest.Doubts = append(b.manifest.Doubts, keepsake.Doubt{Kind: keepsake.DoubtAfter})
	}
	if len(b.manifest.Doubts) > 0 {
		b.track.Warnf("Recovery point %s is suspect, so that latest goes on meaning an older one until somebody says that "+
			"it can be trusted. %s", b.manifest.ID, keepsake.DoubtWords(b.manifest.Doubts))
	}
}

// trusted returns the newest whole recovery point that is not suspect; nil where there is none that can be read.
func (b *backup) trusted(ctx context.Context) (*repository.Manifest, error) {
	if b.parent == nil {
		return nil, nil
	}
	live := b.repo.Live()
	marks := replicas.NewMarks(b.repo, live)
	var unheard *repository.Manifest // the newest that a writer made, and compared with nothing
	suspects := false
	for _, id := range b.listing.NewestFirst() {
		if id > b.parent.ID {
			continue
		}
		m, trust, unread, err := b.judged(ctx, marks, live, id)
		if err == nil && m != b.parent && m.Type != keepsake.BackupCritical && !trust.Suspect(m.Doubts) {
			m, _, err = b.Replicas.ReadLoaded(ctx, b.repo, b.listing, live, id)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil: // the next older one serves
			b.track.Warnf("Recovery point %s cannot be read, and nothing is compared with it: %s", id, keepsake.MessageOf(err))
		case m.Type == keepsake.BackupCritical:
		case trust.Suspect(m.Doubts):
			suspects = true
			b.doubted = b.doubted || trust == keepsake.TrustDoubted
		case m.Compared == "" && trust != keepsake.TrustAccepted && repository.WriterMade(id):
			unheard = cmp.Or(unheard, m)
		default:
			b.warnUnread(id, unread)
			return m, nil
		}
	}
	b.doubted = b.doubted || suspects && unheard == nil // there is nothing that could show whether the loss is still there
	return unheard, nil
}

// judged reads a recovery point's manifest, without its index, and what somebody said of it.
func (b *backup) judged(ctx context.Context, marks *replicas.Marks, live []replicas.Provider, id string) (
	m *repository.Manifest, trust keepsake.Trust, unread []string, err error) {
	if m = b.parent; id != m.ID {
		if m, _, err = b.Replicas.ReadManifest(ctx, b.repo, b.listing.Holders(live, id), id); err != nil {
			return nil, trust, nil, err
		}
	}
	trust, unread, err = marks.Trust(ctx, id)
	return m, trust, unread, err
}

// warnUnread says that a doubt may be unread of the recovery point which this one is compared with.
func (b *backup) warnUnread(id string, why []string) {
	if len(why) > 0 {
		b.track.Warnf("The notes on recovery point %s, which this one is compared with, could not all be read, so somebody "+
			"may have said in one that it cannot be trusted. %s", id, strings.Join(why, " "))
	}
}

// holding sums a recovery point's partitions up. Large objects belong to no table of the platform's.
func holding(m *repository.Manifest) policy.Holding {
	h := policy.Holding{
		System:   m.Source.SystemID,
		OID:      m.Source.DatabaseOID,
		Database: m.Source.Database,
		Critical: m.Type == keepsake.BackupCritical,
	}
	at, bound := map[string]int{}, map[string]bool{}
	for _, k := range m.Keys {
		bound[k.Child] = bound[k.Child] || k.Child != k.Parent
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		if t.Kind == repository.KindLargeObjects {
			continue
		}
		name := t.Whole()
		if _, known := at[name]; !known {
			at[name] = len(h.Tables)
			h.Tables = append(h.Tables, policy.TableHolding{Name: name, Tier: t.Tier, Bound: bound[name]})
		}
		h.Tables[at[name]].Rows += t.Rows
	}
	return h
}
