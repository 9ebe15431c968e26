package removal_test

import (
	"context"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

func isObject(key string) bool {
	return strings.HasPrefix(key, replicas.ChunkPrefix) || strings.HasPrefix(key, replicas.PagePrefix)
}

// looksAt holds a call against the rules in the moment when it reaches the provider. The lock is held.
func (w *world) looksAt(a *actor, c *call) {
	id, isManifest := strings.CutPrefix(c.key, repository.ManifestPrefix)
	if c.verb == "put" && !isObject(c.key) || c.verb == "delete" {
		w.note("%s: %s %s at %s", a.name, c.verb, short(c.key), c.at.name)
	}
	switch {
	case c.verb == "list" && c.key == repository.ManifestPrefix:
		a.listed[c.at] = c.at.holds(repository.ManifestPrefix)
	case c.verb == "put" && isManifest:
		w.stored[id] = a
	case c.verb != "delete":
	case isManifest && w.stored[id] == a: // it takes its own back, of which it tells nobody
	case isManifest:
		if !slices.Contains(a.points, id) {
			w.fail("%s deletes %s, which it was not told to", a.name, short(c.key))
		}
		if w.isNewest(id) && !w.rolled {
			w.fail("%s deletes %s, one of the two newest", a.name, short(c.key))
		}
		for _, x := range w.copies {
			x.gone = x.gone || x.point == id && x.at == c.at
		}
	default:
		for _, x := range w.copies {
			if !x.gone && x.at == c.at && x.refs[c.key] {
				w.fail("%s deletes %s at %s, which %s needs", a.name, short(c.key), c.at.name, short(x.point))
			}
		}
	}
}

// puts notes when an object came, and holds removal lists against the rules. The lock is held.
func (w *world) puts(a *actor, key string, body []byte) {
	if _, known := w.came[key]; !known {
		w.came[key] = w.now
	}
	if !strings.HasPrefix(key, repository.RemovalPrefix) {
		return
	}
	l, err := w.keys.OpenRemoval(key, body)
	if err != nil {
		w.fail("%s does not open: %v", short(key), err)
		return
	}
	named, needed := map[string]bool{}, map[string]bool{}
	for id, refs := range w.namers {
		stays := a.lists(id) && !slices.Contains(a.points, id)
		if w.stored[id] == nil {
			continue // it has no manifest yet
		}
		for _, key := range refs {
			named[key], needed[key] = true, needed[key] || stays
		}
	}
	for kind, ids := range map[repository.ObjectKind]repository.IDs{0: l.Chunks, repository.ObjectIndex: l.Pages} {
		for _, id := range ids {
			key := (&repository.Ref{Kind: kind, ID: id}).Key()
			if needed[key] {
				w.fail("a list condemns %s, which a recovery point that stays names", short(key))
			}
			came, known := w.came[key]
			if known && !named[key] && w.now-came < day && !w.skewed && !w.rolled {
				w.fail("a list condemns %s, which a backup stored %v ago", short(key), w.now-came)
			}
		}
	}
}

// lists reports whether an actor has listed a recovery point when it did so last.
func (a *actor) lists(id string) bool {
	for _, at := range a.listed {
		if at[repository.ManifestKey(id)] {
			return true
		}
	}
	return false
}

// published notes that a backup was told that its recovery point is at a provider.
func (w *world) published(a *actor, point string, p *place, refs []*repository.Ref) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := &copyAt{point: point, at: p, refs: map[string]bool{}}
	for _, r := range refs {
		x.refs[r.Key()] = true
	}
	w.note("%s: %s is at %s", a.name, short(point), p.name)
	x.gone = p.setBack > a.id || a.unsure[p]
	w.copies = append(w.copies, x)
	w.whole(x)
}

// whole holds a copy against the promise: all that it names is there, and opens. The lock is held.
func (w *world) whole(x *copyAt) {
	if x.gone {
		return
	}
	ctx := context.Background()
	body, err := x.at.mem.Get(ctx, repository.ManifestKey(x.point), 1<<30)
	if err != nil {
		w.fail("%s at %s: %v", short(x.point), x.at.name, err)
		return
	}
	m, err := w.keys.OpenManifest(repository.ManifestKey(x.point), body)
	if err != nil {
		w.fail("%s at %s: %v", short(x.point), x.at.name, err)
		return
	}
	open := func(_ context.Context, r repository.Ref) ([]byte, error) {
		sealed, err := x.at.mem.Get(ctx, r.Key(), repository.MaxChunkSealed)
		if err != nil {
			return nil, err
		}
		return w.keys.Open(nil, &r, sealed)
	}
	var missing error
	seen := map[string]bool{}
	if err = m.Load(ctx, open); err == nil {
		err = m.Refs(ctx, open, func(r repository.Ref) {
			if seen[r.Key()] {
				return
			}
			if seen[r.Key()] = true; !x.refs[r.Key()] {
				w.fail("%s names %s, of which its backup did not know", short(x.point), short(r.Key()))
			}
			if _, err := open(ctx, r); err != nil {
				missing = err
			}
		})
	}
	if err != nil || missing != nil || len(seen) < len(x.refs) {
		w.fail("%s at %s is not whole: %v, %v", short(x.point), x.at.name, err, missing)
	}
}

// rollBack sets a provider back to an earlier state. Nobody promises anything of what is there, or on its way there.
func (w *world) rollBack(p *place, to map[string][]byte) {
	for key := range p.holds("") {
		_ = p.mem.Delete(context.Background(), key)
	}
	for key, body := range to {
		put(p, key, body)
	}
	p.setBack, w.rolled = len(w.actors), true
	for _, x := range w.copies {
		x.gone = x.gone || x.at == p
	}
}

// short is a name as people can tell it from others.
func short(key string) string {
	folder, name, found := strings.Cut(key, "/")
	if !found {
		folder, name = "", key
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	if len(name) == 64 {
		return folder + "/" + name[:6]
	}
	return folder + "/" + name
}

func folderOf(key string) string { return key[:strings.IndexByte(key, '/')+1] }

// isNewest reports whether a recovery point is one of the two newest, or of the two newest that the repository's own
// key sealed.
func (w *world) isNewest(point string) bool {
	there := w.manifests()
	own := slices.DeleteFunc(slices.Clone(there), repository.WriterMade)
	return slices.Contains(there[:min(2, len(there))], point) || slices.Contains(own[:min(2, len(own))], point)
}
