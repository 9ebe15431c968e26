package replicas

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// maxErasure bounds an erasure, in bytes, sealed.
const maxErasure = 256 << 20

// Load reads the index of a recovery point and applies later erasures to it: ids tell which are later, and no clock. An
// earlier erasure does not concern the point: it may name a chunk that was backed up again since, with rows that the
// platform still had. When an erasure
// cannot be read, Load fails, because nobody could say which rows are left.
func (l Listing) Load(ctx context.Context, r *Repo, src *Source, m *repository.Manifest) error {
	if err := m.Load(ctx, src.Page); err != nil {
		return err
	}
	var list []*repository.Erasure
	for _, key := range slices.Sorted(maps.Keys(l.erasures)) {
		e, err := l.readErasure(ctx, r, key)
		if err != nil {
			return err
		}
		if e.ID > m.ID {
			list = append(list, e)
		}
	}
	return m.Erase(ctx, src.Page, repository.NewErasures(list))
}

func (l Listing) readErasure(ctx context.Context, r *Repo, key string) (*repository.Erasure, error) {
	holders := slices.DeleteFunc(r.Readable(), func(p Provider) bool { return !l.erasures[key][p.Name] })
	var found *repository.Erasure
	var why []string
	damage := false
	q := FirstSound[[]byte]{What: "erasures"}
	q.Ask = func(ctx context.Context, p Provider) ([]byte, error) { return p.Store.Get(ctx, key, maxErasure) }
	q.Sound = func(_ Provider, sealed []byte) (err error) {
		found, err = r.Keys.OpenErasure(key, sealed)
		return err
	}
	q.Failed = func(p Provider, err error) {
		why = append(why, fmt.Sprintf("Provider %s: %s", p.Name, Explain(err)))
		damage = damage || isDamage(err)
	}
	switch read := q.Read(ctx, holders); {
	case read:
		return found, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	code := keepsake.CodeUnavailable
	if damage {
		code = keepsake.CodeDamaged
	}
	return nil, &keepsake.Error{Code: code, Err: errErasure, Message: "The erasure " + key +
		" cannot be read, so nobody can say which rows are left. " + strings.Join(why, " ")}
}

// errErasure lies under the error about an erasure that no provider gave.
var errErasure = errors.New("an erasure is not there")
