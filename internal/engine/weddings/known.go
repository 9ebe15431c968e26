package weddings

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/search"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// knownPoints is how many recovery points before the newest are looked through
	// for weddings that the newest does not hold.
	knownPoints = 12
	// newestAge is how long the newest recovery point is taken for the newest without asking the providers.
	newestAge = 5 * time.Second
	// beforeSlot marks the directory of what the points before one knew.
	beforeSlot = "before "
)

// knownNow is what was asked last: the newest recovery point, and what the platform lacks of what the points know.
type knownNow struct {
	mu     sync.Mutex
	newest string
	at     time.Time // of the point
	until  time.Time
	lacks  map[bool]lacking // by whether vendors were read
}

// lacking is the difference of directories, which never change.
type lacking struct{ live, newest, before, gone *search.Directory }

// KnownWeddings returns the weddings of the newest recovery point, and those of earlier points that the newest has
// lost. It also returns the newest point's time.
func (by *Finder) KnownWeddings(ctx context.Context, q WeddingQuery) ([]Wedding, time.Time, error) {
	newest, before, at, err := by.known(ctx, false)
	if err != nil {
		return nil, at, err
	}
	list := append(listed(newest, q), listed(before, q)...)
	slices.SortStableFunc(list, search.NearestFirst(q.Today))
	if q.Limit > 0 {
		list = list[:min(len(list), q.Limit)]
	}
	return list, at, nil
}

// FindGone searches the weddings that recovery points know and that the live platform has lost. It knows the platform
// as it was some seconds ago at most. Without a platform it searches those that the newest point has lost.
func (by *Finder) FindGone(ctx context.Context, q WeddingSearch, platform bool) (FoundWeddings, time.Time, error) {
	vendors := q.Text != ""
	newest, before, at, err := by.known(ctx, vendors)
	if err != nil {
		return FoundWeddings{}, at, err
	}
	if !platform {
		return before.Find(q), at, nil
	}
	live, err := by.liveDirectory(ctx, vendors)
	if err != nil {
		return FoundWeddings{}, at, err
	}
	k := &by.directories.known
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.lacks[vendors]
	if l.live != live || l.newest != newest || l.before != before {
		l = lacking{live, newest, before, search.Lost(live, newest, before)}
		if k.lacks == nil {
			k.lacks = map[bool]lacking{}
		}
		k.lacks[vendors] = l
	}
	return l.gone.Find(q), at, nil
}

// known returns the directory of the newest recovery point, and one of the weddings that it has lost.
func (by *Finder) known(ctx context.Context, vendors bool) (newest, before *search.Directory, at time.Time, err error) {
	k := &by.directories.known
	k.mu.Lock()
	id, at, until := k.newest, k.at, k.until
	k.mu.Unlock()
	if now := by.now(); id == "" || now.After(until) {
		r, from, err := by.replicas.OpenFor(ctx, "")
		if err != nil {
			return nil, nil, at, err
		}
		m, _, _, err := by.replicas.Resolve(ctx, r, from, replicas.LatestWhole)
		if err != nil {
			return nil, nil, at, err
		}
		id, at = m.ID, m.Time
		k.mu.Lock()
		k.newest, k.at, k.until = id, at, now.Add(newestAge)
		k.mu.Unlock()
	}
	newest, err = by.directories.get(ctx, slot{id, vendors}, by.now, func(ctx context.Context) (*search.Directory, error) {
		return by.readPointDirectory(ctx, id, vendors)
	})
	if err != nil {
		return nil, nil, at, err
	}
	before, err = by.directories.get(ctx, slot{beforeSlot + id, vendors}, by.now,
		func(ctx context.Context) (*search.Directory, error) {
			return by.readBefore(ctx, newest, id, vendors)
		})
	return newest, before, at, err
}

func (by *Finder) readPointDirectory(ctx context.Context, id string, vendors bool) (*search.Directory, error) {
	r, from, err := by.replicas.OpenFor(ctx, "")
	if err != nil {
		return nil, err
	}
	m, _, _, err := by.replicas.Resolve(ctx, r, from, id)
	if err != nil {
		return nil, err
	}
	track := report.NewTracker(nil, by.now)
	defer track.Close()
	return by.readDirectory(ctx, m, replicas.NewSource(r, from, m.ID, track), vendors)
}

// readBefore reads the weddings of the points before one,
// as long as their tables of weddings differ: most are the same.
func (by *Finder) readBefore(
	ctx context.Context, newest *search.Directory, id string, vendors bool,
) (*search.Directory, error) {
	r, from, err := by.replicas.OpenFor(ctx, "")
	if err != nil {
		return nil, err
	}
	l, err := replicas.ListManifests(ctx, from)
	if err != nil {
		return nil, err
	}
	ids := l.NewestFirst()
	ids = ids[slices.Index(ids, id)+1:]
	read := map[repository.RowHash]bool{}
	if m, _, err := by.replicas.ReadLoaded(ctx, r, l, from, id); err == nil {
		read[by.weddingsHash(m)] = true
	}
	var older []*search.Directory
	marks := replicas.NewMarks(r, from)
	for _, id := range ids[:min(len(ids), knownPoints)] {
		m, _, err := by.replicas.ReadLoaded(ctx, r, l, from, id)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil { // what cannot be read cannot help
			continue
		}
		if words, _, err := marks.Suspect(ctx, m); err != nil || words != "" {
			continue // perhaps of another database
		}
		hash := by.weddingsHash(m)
		if read[hash] || m.Type != keepsake.BackupFull && m.Type != keepsake.BackupIncremental {
			continue
		}
		read[hash] = true
		d, err := by.readPointDirectory(ctx, id, vendors)
		if err != nil {
			continue
		}
		older = append(older, d)
	}
	return search.Lost(newest, older...), ctx.Err()
}

// weddingsHash is the same for two points whose tables of weddings hold the same rows, in whatever partitions.
func (by *Finder) weddingsHash(m *repository.Manifest) (hash repository.RowHash) {
	for _, t := range m.Tables {
		if keepsake.IsTable(t.Whole(), by.dataMap.Wedding.Table) {
			hash.AddHash(t.Hash)
		}
	}
	return hash
}
