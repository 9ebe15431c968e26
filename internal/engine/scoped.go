package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// undoPrefix is the folder of undo objects.
const undoPrefix = "undo/"

// maxUndo bounds an undo object, in bytes, sealed.
const maxUndo = 256 << 20

// ScopeInput names a wedding or an organization by the key of its row, tiers, or everything: exactly one of them.
type ScopeInput struct {
	Wedding      string
	Organization string
	Tiers        []keepsake.Tier
	Everything   bool
	Point        string // an id or "latest"
	Provider     string // empty: all
	Mode         scope.Mode
}

// check refuses an input that does not name exactly one scope.
func (in ScopeInput) check() error {
	named := 0
	for _, is := range []bool{in.Wedding != "", in.Organization != "", len(in.Tiers) > 0, in.Everything} {
		if is {
			named++
		}
	}
	if named != 1 {
		return keepsake.Errorf(keepsake.CodeInvalid, "name one scope: one wedding, one organization, tiers, or everything")
	}
	return nil
}

// wide reports whether the scope is whole tables.
func (in ScopeInput) wide() bool { return len(in.Tiers) > 0 || in.Everything }

// name is what a wide scope is called, and what a person types to confirm it.
func (in ScopeInput) name() string {
	if in.Everything {
		return "everything"
	}
	words := make([]string, len(in.Tiers))
	for i, t := range in.Tiers {
		words[i] = string(t)
	}
	if len(words) == 1 {
		return words[0] + " tier"
	}
	return strings.Join(words, " and ") + " tiers"
}

// root is the table and the column that name the scope.
func (e *Engine) root(in ScopeInput) (table keepsake.RootTable, id string, err error) {
	switch {
	case (in.Wedding == "") == (in.Organization == ""):
		return table, "", keepsake.Errorf(keepsake.CodeInvalid, "name one wedding or one organization")
	case in.Wedding != "":
		return e.opts.DataMap.Wedding, in.Wedding, nil
	default:
		return e.opts.DataMap.Organization, in.Organization, nil
	}
}

// Roots are the tables whose rows are weddings and organizations.
func (e *Engine) Roots() (wedding, organization string) {
	return e.opts.DataMap.Wedding.Table, e.opts.DataMap.Organization.Table
}

// ExplainScope says which tables belong to the weddings or organizations of the live platform, and why. An id is not needed.
func (e *Engine) ExplainScope(ctx context.Context, root string) (*scope.Plan, error) {
	conn, err := platform.Connect(ctx, e.opts.PlatformURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	c, err := platform.ReadCatalog(ctx, conn, e.opts.ManagedSchemas)
	if err != nil {
		return nil, err
	}
	return scope.FromCatalog(c, e.opts.DataMap, root)
}

// ScopeAt is a scope's rows at a recovery point, read once and compared as often as needed.
type ScopeAt struct {
	e      *Engine
	repo   *repo
	in     scope.Input
	chunks chunkOpener
}

// ReadScope reads a scope's rows at a recovery point from the chunks that can hold them. It needs no platform.
func (e *Engine) ReadScope(ctx context.Context, in ScopeInput) (*ScopeAt, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	r, from, err := e.openFor(ctx, in.Provider)
	if err != nil {
		return nil, err
	}
	m, _, _, err := e.resolve(ctx, r, from, in.Point)
	if err != nil {
		return nil, err
	}
	if in.Mode == "" {
		in.Mode = scope.Missing
	}
	if in.wide() {
		return e.readWide(r, from, m, in)
	}
	root, id, err := e.root(in)
	if err != nil {
		return nil, err
	}
	plan, err := scope.FromManifest(m, e.opts.DataMap, root.Table)
	if err != nil {
		return nil, err
	}
	track := newTracker(nil, e.opts.Now)
	defer track.close()
	rows, err := scope.Read(ctx, plan, m, chunkOpener{newSource(r, from, track)}, id)
	if err != nil {
		return nil, err
	}
	return &ScopeAt{e: e, repo: r, in: scope.Input{Plan: plan, Manifest: m, Rows: rows, ID: id, Mode: in.Mode, NameOf: root.Name}}, nil
}

// readWide prepares whole tables. Their rows are read when they are compared, and are never in memory together.
func (e *Engine) readWide(r *repo, from []Provider, m *repository.Manifest, in ScopeInput) (*ScopeAt, error) {
	plan, err := scope.Wide(m, e.opts.DataMap, in.Tiers)
	if err != nil {
		return nil, err
	}
	track := newTracker(nil, e.opts.Now)
	track.close() // nobody watches
	src := newSource(r, from, track)
	rows, err := scope.WideRows(plan, m, func(ctx context.Context, part *repository.Table) io.ReadCloser {
		return src.rows(ctx, part, func(int64) {})
	})
	if err != nil {
		return nil, err
	}
	return &ScopeAt{e: e, repo: r, chunks: chunkOpener{src}, in: scope.Input{Plan: plan, Manifest: m, Rows: rows, ID: in.name(), Mode: in.Mode, Name: in.name()}}, nil
}

// Rows returns what was read.
func (s *ScopeAt) Rows() *scope.Rows { return s.in.Rows }

// Plan returns how the scope lies in the recovery point's tables.
func (s *ScopeAt) Plan() *scope.Plan { return s.in.Plan }

// chunkOpener opens chunks from whichever provider has them.
type chunkOpener struct{ source *source }

func (c chunkOpener) Open(ctx context.Context, chunk *repository.Chunk, buf []byte) ([]byte, error) {
	if need := int(chunk.Plain) + 64; cap(buf) < need {
		buf = make([]byte, 0, need)
	}
	return c.source.chunk(ctx, chunk, buf)
}

// writer opens a session on the live platform that may write.
func (e *Engine) writer(ctx context.Context) (*pgx.Conn, error) {
	settings := platform.ReadSettings()
	settings["default_transaction_read_only"] = "off"
	conn, err := platform.ConnectWith(ctx, e.opts.PlatformURL, settings)
	if keepsake.CodeOf(err) == keepsake.CodeUnavailable && err != nil {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable, "The live platform does not answer, so there is nothing to compare with, and nothing can be brought back into it now. "+
			"What the recovery points hold, contacts included, can be read all the same. %s", keepsake.MessageOf(err))
	}
	return conn, err
}

// Preview compares the scope with the live platform. It changes nothing there.
func (s *ScopeAt) Preview(ctx context.Context) (*scope.Preview, error) {
	conn, err := s.e.writer(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	started := s.e.opts.Now()
	p, err := scope.Compare(ctx, conn, s.in)
	if err == nil {
		p.Seconds = s.e.opts.Now().Sub(started).Seconds()
	}
	return p, err
}

// ScopeApply is a confirmed preview.
type ScopeApply struct {
	Fingerprint string
	Skip        func(scope.TableChanges, scope.Change) bool // rows ticked off; nil: none
	Progress    func(rows int64)
}

// ScopeResult is the report of an apply, or of an undo.
type ScopeResult struct {
	Restore string         `json:"restore"` // the id to undo it by
	Point   string         `json:"point"`
	Name    string         `json:"name"`
	Applied scope.Applied  `json:"applied"`
	Undo    []string       `json:"undo_at"`           // providers that hold what an undo needs
	Preview *scope.Preview `json:"preview,omitempty"` // the new one, when the live rows had moved
	Refused []string       `json:"refused,omitempty"` // an undo's rows that were left alone, in words
	Seconds float64        `json:"seconds"`
}

// Apply does what a preview showed, in one transaction. When the platform has changed since, nothing is written, the error's
// code is CodeConflict and the result holds the new preview.
func (s *ScopeAt) Apply(ctx context.Context, a ScopeApply) (ScopeResult, error) {
	started := s.e.opts.Now()
	conn, err := s.e.writer(ctx)
	if err != nil {
		return ScopeResult{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	result := ScopeResult{Restore: repository.NewManifestID(started), Point: s.in.Manifest.ID}
	var fresh *scope.Preview
	result.Applied, fresh, err = scope.Apply(ctx, conn, s.in, scope.ApplyInput{Fingerprint: a.Fingerprint, Skip: a.Skip, Progress: a.Progress,
		Keep: func(ctx context.Context, u *scope.Undo) (err error) {
			u.Restore = result.Restore
			result.Undo, err = s.e.keepUndo(ctx, s.repo, u)
			return err
		}})
	if fresh != nil {
		result.Name = fresh.Name
	}
	if err != nil {
		if keepsake.CodeOf(err) == keepsake.CodeConflict {
			result.Preview = fresh
		}
		return result, err
	}
	result.Seconds = s.e.opts.Now().Sub(started).Seconds()
	return result, nil
}

// keepUndo seals an undo object and stores it at every provider that can be reached. At least one must have it, durably.
func (e *Engine) keepUndo(ctx context.Context, r *repo, u *scope.Undo) ([]string, error) {
	u.Time = e.opts.Now().UTC()
	plain, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	key := undoPrefix + u.Restore
	body, err := r.keys.SealObject(repository.ObjectUndo, key, plain)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	live := r.live()
	failed := make([]error, len(live))
	var wg sync.WaitGroup // the live rows are locked meanwhile: nobody waits for one provider after the other
	for i, p := range live {
		wg.Go(func() {
			if err := errors.Join(p.Store.Put(ctx, key, body, sum, true), p.Store.Sync(ctx)); err != nil {
				failed[i] = fmt.Errorf("provider %s: %w", p.Name, err)
			}
		})
	}
	wg.Wait()
	var at []string
	for i, p := range live {
		if failed[i] == nil {
			at = append(at, p.Name)
		}
	}
	if len(at) == 0 {
		return nil, errors.Join(failed...)
	}
	return at, nil
}

// Undos lists the ids of restores that can be undone, newest first.
func (e *Engine) Undos(ctx context.Context) ([]string, error) {
	r, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, p := range r.live() {
		err := p.Store.List(ctx, undoPrefix, func(o storage.Object) error {
			found[strings.TrimPrefix(o.Key, undoPrefix)] = true
			return nil
		})
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
	}
	ids := make([]string, 0, len(found))
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, nil
}

// ReadUndo returns what a restore changed.
func (e *Engine) ReadUndo(ctx context.Context, restore string) (*scope.Undo, error) {
	r, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	return e.readUndo(ctx, r, restore)
}

func (e *Engine) readUndo(ctx context.Context, r *repo, restore string) (*scope.Undo, error) {
	key := undoPrefix + restore
	if _, err := repository.ManifestTime(restore); err != nil {
		return nil, keepsake.Errorf(keepsake.CodeNotFound, "there is no restore %q that could be undone", restore)
	}
	last := error(keepsake.Errorf(keepsake.CodeNotFound, "there is no restore %s that could be undone at the providers asked", restore))
	for _, p := range r.live() {
		body, err := p.Store.Get(ctx, key, maxUndo)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		var plain []byte
		if err == nil {
			plain, err = r.keys.OpenObject(repository.ObjectUndo, key, body, repository.MaxObjectPlain)
		}
		u := &scope.Undo{}
		if err == nil {
			err = json.Unmarshal(plain, u)
		}
		if err == nil {
			return u, nil
		}
		last = keepsake.Errorf(keepsake.CodeOf(err), "provider %s: %w", p.Name, err)
	}
	return nil, last
}

// Undo takes a scoped restore back, but for rows that the platform has changed since: those are left alone and named. An undo
// can itself be undone.
func (e *Engine) Undo(ctx context.Context, restore string) (ScopeResult, error) {
	started := e.opts.Now()
	r, err := e.open(ctx)
	if err != nil {
		return ScopeResult{}, err
	}
	u, err := e.readUndo(ctx, r, restore)
	if err != nil {
		return ScopeResult{}, err
	}
	conn, err := e.writer(ctx)
	if err != nil {
		return ScopeResult{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	result := ScopeResult{Restore: repository.NewManifestID(started), Point: u.Point, Name: u.Name}
	applied, tables, err := scope.TakeBack(ctx, conn, u, func(ctx context.Context, next *scope.Undo) (err error) {
		next.Restore = result.Restore
		result.Undo, err = e.keepUndo(ctx, r, next)
		return err
	})
	if err != nil {
		return ScopeResult{}, err
	}
	for _, t := range tables {
		for _, c := range t.Changes {
			if c.Refused != "" {
				result.Refused = append(result.Refused, t.Table+" "+t.KeyText(c)+": "+c.Refused)
			}
		}
	}
	result.Applied, result.Seconds = applied, e.opts.Now().Sub(started).Seconds()
	return result, nil
}

// PreviewScope reads a scope and compares it with the live platform.
func (e *Engine) PreviewScope(ctx context.Context, in ScopeInput) (*scope.Preview, error) {
	s, err := e.ReadScope(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.Preview(ctx)
}

// ApplyScope reads a scope and makes the changes of a preview. See ScopeAt.Apply.
func (e *Engine) ApplyScope(ctx context.Context, in ScopeInput, a ScopeApply) (ScopeResult, error) {
	s, err := e.ReadScope(ctx, in)
	if err != nil {
		return ScopeResult{}, err
	}
	return s.Apply(ctx, a)
}
