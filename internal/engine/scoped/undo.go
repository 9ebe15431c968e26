package scoped

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/commit"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// keepUndo seals an undo object and stores it at every provider that can be reached. It is durable at two of them
// before anything is committed, so that an undo outlives the loss of one; at one, where no other takes it.
func (by *Restorer) keepUndo(ctx context.Context, r *replicas.Repo, u *scope.Undo) ([]string, error) {
	u.Time = by.Now().UTC()
	plain, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	key := replicas.UndoPrefix + u.Restore
	body, err := r.Keys.SealObject(repository.ObjectUndo, key, plain)
	if err != nil {
		return nil, err
	}
	if len(r.Live()) == 0 {
		return nil, r.NobodyWrites("what an undo needs could not be kept and nothing was changed")
	}
	// the live rows are locked meanwhile: nobody waits for a provider that hangs
	at, failed := replicas.PutEverywhere(ctx, r.Live(), key, body)
	if len(at) == 0 {
		return nil, cmp.Or(ctx.Err(), replicas.Joined(failed))
	}
	return at, nil
}

// Undos returns the ids of restores that can be undone, newest first. Where it finds none and a provider could not be
// asked, it returns CodeUnavailable, because there may be one.
func (by *Restorer) Undos(ctx context.Context) ([]string, error) {
	r, err := by.Replicas.Open(ctx)
	if err != nil {
		return nil, err
	}
	found, failed := replicas.ListEverywhere(ctx, r.Readable(), replicas.UndoPrefix, replicas.UndoObjects.Named)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if unasked := r.Unasked(replicas.Listing{Failed: failed}); len(found) == 0 && len(unasked) > 0 {
		text := "no restore that can be undone was found, and not every provider could be asked"
		for _, u := range unasked {
			text += "; " + u.Provider + ": " + u.Why
		}
		return nil, keepsake.Errorf(keepsake.CodeUnavailable, "%s", text)
	}
	ids := make([]string, 0, len(found))
	for key := range found {
		ids = append(ids, strings.TrimPrefix(key, replicas.UndoPrefix))
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, nil
}

// ReadUndo returns what a restore changed.
func (by *Restorer) ReadUndo(ctx context.Context, restore string) (*scope.Undo, error) {
	r, err := by.Replicas.Open(ctx)
	if err != nil {
		return nil, err
	}
	return by.readUndo(ctx, r, restore)
}

func (by *Restorer) readUndo(ctx context.Context, r *replicas.Repo, restore string) (*scope.Undo, error) {
	key := replicas.UndoPrefix + restore
	if _, err := repository.ManifestTime(restore); err != nil {
		return nil, keepsake.Errorf(keepsake.CodeNotFound, "there is no restore %q that could be undone", restore)
	}
	last := error(keepsake.Errorf(keepsake.CodeNotFound,
		"there is no restore %s that could be undone at the providers asked", restore))
	u := &scope.Undo{}
	q := replicas.FirstSound[[]byte]{What: "what an undo needs"}
	q.Ask = func(ctx context.Context, p replicas.Provider) ([]byte, error) {
		return p.Store.Get(ctx, key, replicas.MaxUndo)
	}
	q.Sound = func(_ replicas.Provider, body []byte) error {
		plain, err := r.Keys.OpenObject(repository.ObjectUndo, key, body, repository.MaxObjectPlain)
		if err != nil {
			return err
		}
		*u = scope.Undo{}
		return json.Unmarshal(plain, u)
	}
	q.Failed = func(p replicas.Provider, err error) {
		if !errors.Is(err, storage.ErrNotFound) {
			last = keepsake.Errorf(keepsake.CodeOf(err), "provider %s: %w", p.Name, err)
		}
	}
	switch found := q.Read(ctx, r.Readable()); {
	case found:
		return u, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, last
}

// Undo takes a scoped restore back. It leaves rows alone that the platform has changed since, and names them. An undo
// can itself be undone.
func (by *Restorer) Undo(ctx context.Context, restore string) (ScopeResult, error) {
	return by.TakeBack(ctx, restore, ScopeApply{}, nil)
}

// TakeBack does the same as Undo under an id that the caller chose. It uses only the fields Restore and Again of a.
func (by *Restorer) TakeBack(
	ctx context.Context, restore string, a ScopeApply, reporter report.Reporter,
) (ScopeResult, error) {
	started := by.Now()
	track := report.NewTracker(reporter, by.Now)
	defer track.Close()
	track.Stage(report.StageChecking)
	done, unsure, err := by.done(ctx, a)
	if err = cmp.Or(err, unsure); err != nil || done != nil { // a second undo would take the place of the first one's own
		return deref(done), err
	}
	r, err := by.Replicas.Open(ctx)
	if err != nil {
		return ScopeResult{}, err
	}
	u, err := by.readUndo(ctx, r, restore)
	if err != nil {
		return ScopeResult{}, err
	}
	conn, err := by.writer(ctx)
	if err != nil {
		return ScopeResult{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	result := ScopeResult{Restore: cmp.Or(a.Restore, by.NewRestoreID()), Point: u.Point, Name: u.Name}
	track.Writing(u.Rows())
	applied, tables, err := scope.TakeBack(ctx, conn, u, scope.ApplyInput{
		Restore:  result.Restore,
		Session:  by.writer,
		Progress: track.Wrote,
		Keep: func(ctx context.Context, next *scope.Undo) (err error) {
			track.Stage(report.StageSafety)
			result.Undo, err = by.keepUndo(ctx, r, next)
			return err
		},
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
	result.Applied, result.Seconds = applied, by.Now().Sub(started).Seconds()
	track.Stage(report.StageDone)
	return result, nil
}

// Settle reports whether a restore into the live platform was made, or an undo, whose process ended before it could say
// so. It waits until nobody writes it any more, and changes nothing. It returns CodeUnknown when nobody can say.
func (by *Restorer) Settle(ctx context.Context, restore string) (result ScopeResult, made bool, err error) {
	done, unsure, err := by.done(ctx, ScopeApply{Restore: restore, Again: true})
	return deref(done), done != nil, cmp.Or(err, unsure)
}

// done returns the report of a restore whose process was killed after it had committed, nil when it had not. unsure
// says why that cannot be known: a provider that may hold what an undo needs does not answer. The killed process's
// session may still be writing, or wait for its COMMIT: done waits for its end before it asks anybody.
func (by *Restorer) done(ctx context.Context, a ScopeApply) (done *ScopeResult, unsure, err error) {
	if !a.Again {
		return nil, nil, nil // it was never begun
	}
	asking, cancel := context.WithTimeout(ctx, commit.AskTime)
	defer cancel()
	if err := scope.Await(asking, by.writer, a.Restore); err != nil {
		return nil, nil, notKnown(err)
	}
	r, err := by.Replicas.Open(asking)
	if err != nil {
		return nil, nil, notKnown(err)
	}
	u, err := by.readUndo(asking, r, a.Restore)
	if keepsake.CodeOf(err) == keepsake.CodeNotFound {
		return nil, unsureWithout(r), nil
	}
	if err == nil {
		done, err = by.report(asking, r, u)
	}
	if err != nil {
		return nil, nil, notKnown(err)
	}
	return done, nil, nil
}

// notKnown says that a restore may have been made, and why nobody can say.
func notKnown(why error) error {
	return keepsake.Errorf(keepsake.CodeUnknown, "whoever made this restore is gone, and whether it was made is not "+
		"known. Nothing was changed since. Look at the rows with a new preview: %w", why)
}

// unsureWithout says that a restore may have been made, nil where every provider was asked.
func unsureWithout(r *replicas.Repo) error {
	unasked := r.Unasked(replicas.Listing{})
	if len(unasked) == 0 {
		return nil
	}
	text := "whoever made this restore was killed, and whether it was made is not known: what an undo needs " +
		"may lie where " +
		"nobody answers. Nothing was changed since. Look at the rows with a new preview, or start again once the " +
		"provider is back"
	for _, u := range unasked {
		text += ". Provider " + u.Provider + ": " + strings.TrimSuffix(u.Why, ".")
	}
	return keepsake.Errorf(keepsake.CodeUnknown, "%s", text)
}

// report makes the report of a restore from what its undo needs; nil where the platform does not show what it wrote.
func (by *Restorer) report(ctx context.Context, r *replicas.Repo, u *scope.Undo) (*ScopeResult, error) {
	if stands, err := scope.Stands(ctx, by.writer, u); err != nil || !stands {
		return nil, err
	}
	result := &ScopeResult{Restore: u.Restore, Point: u.Point, Name: u.Name}
	for _, t := range u.Tables {
		insert, update, remove, _ := t.Counts()
		result.Applied.Inserted, result.Applied.Updated, result.Applied.Deleted = result.Applied.Inserted+insert,
			result.Applied.Updated+update, result.Applied.Deleted+remove
	}
	key := replicas.UndoPrefix + u.Restore
	at, _ := replicas.ListEverywhere(ctx, r.Readable(), key, func(listed string) bool { return listed == key })
	for _, p := range at[key] {
		result.Undo = append(result.Undo, p.Name)
	}
	return result, nil
}

func deref(r *ScopeResult) ScopeResult {
	if r == nil {
		return ScopeResult{}
	}
	return *r
}
