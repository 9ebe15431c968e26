package removal_test

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

// knownTo reports whether an actor was told that there is this recovery point.
func (w *world) knownTo(ctx context.Context, key string) bool {
	id, found := strings.CutPrefix(key, repository.ManifestPrefix)
	return found && slices.Contains(ctx.Value(actorKey{}).(*actor).known, id)
}

// door is a provider as machines reach it: each call waits until the history lets it go.
type door struct {
	w *world
	p *place
}

func (d *door) do(ctx context.Context, verb, key string, op func(ctx context.Context, short bool) error) error {
	w, a := d.w, ctx.Value(actorKey{}).(*actor)
	c := &call{verb: verb, key: key, at: d.p, verdict: make(chan verdict, 1)}
	w.mu.Lock()
	if a.dead {
		w.mu.Unlock()
		return errKilled
	}
	c.since = w.now
	easy := verb == "sync" || key == repository.HeaderKey || key == storage.IdentityKey // these change nothing
	switch {
	case easy || d.p.down:
		c.verdict <- verdict{}
	case verb == "get" && a.deaf[folderOf(key)]:
		c.verdict <- verdict{lost: true, error: errLost}
	default:
		a.waiting = append(a.waiting, c)
	}
	w.mu.Unlock()
	var v verdict
	select {
	case v = <-c.verdict:
	case <-ctx.Done():
		w.mu.Lock()
		a.waiting = slices.DeleteFunc(a.waiting, func(x *call) bool { return x == c })
		w.mu.Unlock()
		return ctx.Err()
	}
	w.mu.Lock()
	away := d.p.down
	if !away && !v.lost && !easy {
		w.looksAt(a, c)
	}
	w.mu.Unlock()
	if away {
		return errAway
	}
	var err error
	if !v.lost {
		err = op(context.WithoutCancel(ctx), v.short) // what was sent arrives
	}
	if v.error != nil {
		return v.error
	}
	return err
}

func (d *door) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	return d.do(ctx, "put", key, func(ctx context.Context, _ bool) error {
		d.w.mu.Lock()
		defer d.w.mu.Unlock()
		d.w.puts(ctx.Value(actorKey{}).(*actor), key, body)
		return d.p.mem.Put(ctx, key, body, sum, replace)
	})
}

func (d *door) Get(ctx context.Context, key string, limit int64) (body []byte, err error) {
	err = d.do(ctx, "get", key, func(ctx context.Context, _ bool) (err error) {
		body, err = d.p.mem.Get(ctx, key, limit)
		return err
	})
	return body, err
}

func (d *door) Stat(ctx context.Context, key string) (o storage.Object, err error) {
	err = d.do(ctx, "stat", key, func(ctx context.Context, _ bool) (err error) {
		o, err = d.p.mem.Stat(ctx, key)
		return err
	})
	return o, err
}

func (d *door) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	return d.do(ctx, "list", prefix, func(ctx context.Context, short bool) error {
		n := 0
		return d.p.mem.List(ctx, prefix, func(o storage.Object) error {
			if n++; short && n%2 == 0 && (isObject(o.Key) || d.w.knownTo(ctx, o.Key)) {
				return nil
			}
			return fn(o)
		})
	})
}

func (d *door) Delete(ctx context.Context, key string) error {
	return d.do(ctx, "delete", key, func(ctx context.Context, _ bool) error { return d.p.mem.Delete(ctx, key) })
}

func (d *door) Sync(ctx context.Context) error {
	return d.do(ctx, "sync", "", func(context.Context, bool) error { return nil })
}
