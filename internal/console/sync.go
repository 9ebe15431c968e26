package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// providerTime bounds asking one provider whether it is there.
	providerTime = 10 * time.Second
	// syncBatch is how many points are compared in one transaction.
	syncBatch = 200
)

// unreadable is the type the engine gives a point whose manifest cannot be opened anywhere.
const unreadable = "unreadable"

// SyncPoints brings the list of recovery points in line with the repository. Points that others made appear, and
// copies are what the providers hold now. Of a provider that cannot be asked, the copies that it held before stay in
// the list.
func (c *Console) SyncPoints(ctx context.Context) error { return c.everyPlatform(ctx, c.syncPoints) }

func (c *Console) syncPoints(ctx context.Context, p *platform) error {
	asked, err := c.checkProviders(ctx, p, "")
	if err != nil {
		return err
	}
	marks, err := c.listMarks(ctx, p)
	if err != nil {
		return err
	}
	list, err := p.Engine.ListPoints(ctx, "")
	if keepsake.CodeOf(err) == keepsake.CodeNotFound && err != nil {
		return nil // there is no repository yet
	}
	if err != nil {
		return fmt.Errorf("list the repository: %w", err)
	}
	if _, err = c.savePoints(ctx, p, list.Points, marks, func(name string) bool { return asked[name] }); err != nil {
		return err
	}
	all := !slices.ContainsFunc(p.Engine.Providers(), func(s engine.Provider) bool { return !asked[s.Name] })
	if all && len(list.Unasked) == 0 {
		err = c.dropUnlisted(ctx, p, list.Points, marks)
	}
	return errors.Join(err, c.listElsewhere(ctx, p))
}

// noticePoints reads the repository's list when it holds a newer recovery point than this console knows: the command
// line made it. It costs one list of names.
func (c *Console) noticePoints(ctx context.Context) error {
	return c.everyPlatform(ctx, c.noticePointsOf)
}

func (c *Console) noticePointsOf(ctx context.Context, p *platform) error {
	id, err := p.Engine.NewestPoint(ctx)
	if err != nil || id == "" {
		return nil //nolint:nilerr // the check of the providers says what is wrong with them
	}
	var known sqlcgen.RecoveryPoint
	err = c.db.InTx(ctx, keepsake.System("sync"), func(tx db.Tx) (err error) {
		known, err = tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: id, Platform: p.Name})
		return err
	})
	if err != nil && !db.IsNoRows(err) {
		return err
	}
	// Whoever recorded a backup without reading its manifest knows nothing of the source, nor of points that others made
	// before. One look for each newest point is enough: a manifest that cannot be read is looked for in syncEvery again.
	unread := err == nil && known.SourceServer == ""
	if unread {
		before := p.noticed.Swap(&id)
		unread = before == nil || *before != id
	}
	if err != nil || unread {
		return c.syncPoints(ctx, p)
	}
	return c.listElsewhere(ctx, p) // what could not be told from a running backup's point a moment ago
}

// RebuildFromProvider fills the list of recovery points from the manifests of one provider, and returns how many that
// provider holds. It is the way back when the console database was lost. It needs no other provider, keeps what is
// known of copies elsewhere, and changes nothing when every point is listed already.
func (c *Console) RebuildFromProvider(ctx context.Context, actor keepsake.Actor, provider string) (int, error) {
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayBackup)
	}
	points, detail := 0, map[string]any{}
	if err == nil {
		points, err = c.rebuild(ctx, p, provider)
	}
	if err != nil {
		return 0, c.recordRefused(ctx, actor, audit.RepositoryRebuild, provider, detail, err)
	}
	detail["points"] = points
	return points, c.recordDone(ctx, actor, audit.RepositoryRebuild, provider, detail)
}

func (c *Console) rebuild(ctx context.Context, of *platform, provider string) (int, error) {
	all := of.Engine.Providers()
	if !slices.ContainsFunc(all, func(p engine.Provider) bool { return p.Name == provider }) {
		return 0, keepsake.Errorf(keepsake.CodeInvalid, "There is no provider %q in the configuration.", provider)
	}
	marks, err := c.listMarks(ctx, of)
	if err != nil {
		return 0, err
	}
	points, err := of.Engine.Points(ctx, provider)
	if err != nil {
		return 0, err
	}
	for i := range points {
		points[i].Copies = complete(points[i].Copies, all)
	}
	saved, err := c.savePoints(ctx, of, points, marks, func(name string) bool { return name == provider })
	if err != nil {
		return 0, err
	}
	return saved, c.listElsewhere(ctx, of)
}

// complete adds the providers that were not asked.
func complete(copies []keepsake.Copy, all []engine.Provider) []keepsake.Copy {
	for _, p := range all {
		if !slices.ContainsFunc(copies, func(cp keepsake.Copy) bool { return cp.Provider == p.Name }) {
			copies = append(copies, keepsake.Copy{
				Provider: p.Name,
				Medium:   p.Medium,
				Offsite:  p.Offsite,
				Error:    "not asked yet",
			})
		}
	}
	return copies
}

// pointMarks are what people wrote to recovery points, by the points' ids.
type pointMarks map[string]engine.PointMark

// listMarks returns what this console knows that people wrote, before the repository is asked. Whoever saves something
// meanwhile has written it to the repository too, perhaps after that was read.
func (c *Console) listMarks(ctx context.Context, p *platform) (pointMarks, error) {
	marks := pointMarks{}
	err := c.db.InTx(ctx, keepsake.System("sync"), func(tx db.Tx) error {
		rows, err := tx.ListPointMarks(ctx, p.Name)
		for _, r := range rows {
			if marks[r.ID], err = markOf(r.Note, r.Labels, r.Locked, r.Trust); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is written to recovery points: %w", err)
	}
	return marks, nil
}

func markOf(note string, labels []byte, locked bool, trust string) (engine.PointMark, error) {
	m := engine.PointMark{Note: note, Locked: locked, Trust: keepsake.Trust(trust)}
	if err := json.Unmarshal(labels, &m.Labels); err != nil {
		return m, fmt.Errorf("decode the labels: %w", err)
	}
	return m, nil
}

// markIn returns what the repository says that people wrote to a point.
func markIn(p engine.Point) engine.PointMark {
	return engine.PointMark{Note: p.Note, Labels: p.Labels, Locked: p.Locked, Trust: p.Trust}
}

// unreadMark reports whether the repository holds notes that could not be read, and none that decides anything was.
func unreadMark(p engine.Point) bool {
	return len(p.NotesUnread) > 0 && p.Trust == keepsake.TrustUnsaid && !p.Locked
}

// sameMark reports whether both say the same, whoever wrote it and when.
func sameMark(a, b engine.PointMark) bool {
	return a.Note == b.Note && a.Locked == b.Locked && a.Trust == b.Trust && maps.Equal(a.Labels, b.Labels)
}

// savePoints stores points. marks are what was known of people's notes before the points were read; asked tells which
// providers gave the copies a definite answer. It returns how many points there were.
func (c *Console) savePoints(ctx context.Context, of *platform, points []engine.Point, marks pointMarks,
	asked func(provider string) bool) (int, error) {
	system := keepsake.System("sync")
	for batch := range slices.Chunk(points, syncBatch) {
		err := c.db.InTx(ctx, system, func(tx db.Tx) error {
			ids := make([]string, len(batch))
			for i, p := range batch {
				ids[i] = p.ID
			}
			rows, err := lockCopies(ctx, tx, of.Name, ids)
			if err != nil {
				return err
			}
			known := map[string]sqlcgen.ListPointCopiesRow{}
			for _, r := range rows {
				known[r.ID] = r
			}
			marked := []string{} // whose note, labels, lock or trust are others in the repository than here
			for _, p := range batch {
				before, there := known[p.ID]
				var mark engine.PointMark
				if there {
					if mark, err = markOf(before.Note, before.Labels, before.Locked, before.Trust); err != nil {
						return err
					}
					// Somebody has just saved it, or what they saved could not be read: the next look compares again.
					if !sameMark(mark, marks[p.ID]) || unreadMark(p) {
						p.Note, p.Labels, p.Locked, p.Trust = mark.Note, mark.Labels, mark.Locked, mark.Trust
					}
				}
				moved := there && !sameMark(mark, markIn(p))
				saved, err := savePoint(ctx, tx, of.Name, p, before, there, moved, asked)
				if err != nil {
					return err
				}
				if saved && moved {
					marked = append(marked, p.ID)
				}
			}
			if len(marked) == 0 {
				return nil
			}
			return audit.Record(ctx, tx, system, audit.Entry{
				Action:  audit.PointSync,
				Outcome: audit.Allowed,
				Detail:  map[string]any{"points": marked},
			})
		})
		if err != nil {
			return 0, fmt.Errorf("store the list of recovery points: %w", err)
		}
	}
	return len(points), c.db.InTx(ctx, system, func(tx db.Tx) error { return tx.SetProviderPoints(ctx, of.Name) })
}

// savePoint stores a point unless it is known as it is. moved says that people wrote something else to it.
func savePoint(ctx context.Context, tx db.Tx, platform string, p engine.Point, before sqlcgen.ListPointCopiesRow,
	there, moved bool, asked func(string) bool) (saved bool, err error) {
	if there && p.Type == unreadable {
		return false, nil // it may be a provider that is away; a verification tells damage from that
	}
	if there {
		var copies []keepsake.Copy
		if err := json.Unmarshal(before.Copies, &copies); err != nil {
			return false, fmt.Errorf("decode the copies of recovery point %s: %w", p.ID, err)
		}
		p.Copies = mergeCopies(copies, p.Copies, asked)
		if before.TestFailed || before.ReadFailed {
			p.Copies = keepBad(copies, p.Copies)
		}
		verdict := keepsake.JudgeProtection(p.Copies)
		p.Protected, p.Lacks = verdict.Protected(), verdict.Lacks()
	}
	row, err := pointRow(platform, p, "")
	if err != nil {
		return false, err
	}
	if there && !moved && before.SourceServer != "" && bytes.Equal(canonical(before.Copies), canonical(row.Copies)) &&
		before.Lacks == row.Lacks {
		return false, nil
	}
	return true, upsertPoint(ctx, tx, row)
}

// upsertPoint stores a point. One of the same id that is another platform's stays as it is: a repository is one
// platform's.
func upsertPoint(ctx context.Context, tx db.Tx, row sqlcgen.UpsertPointParams) error {
	n, err := tx.UpsertPoint(ctx, row)
	if err == nil && n == 0 {
		err = otherPlatforms(row.ID, "")
	}
	if err != nil {
		return fmt.Errorf("store recovery point %s: %w", row.ID, err)
	}
	return nil
}

func otherPlatforms(point, platform string) error {
	if platform != "" {
		platform = " " + strconv.Quote(platform)
	}
	return keepsake.Errorf(keepsake.CodeConflict,
		"Recovery point %s belongs to another platform%s in the console database, and a repository is one platform's. Give "+
			"the platform its name of before in platform.name, or a repository of its own.", point, platform)
}

// canonical undoes how jsonb writes what it stores, so that equal copies compare equal.
func canonical(copies []byte) []byte {
	var list []keepsake.Copy
	if json.Unmarshal(copies, &list) != nil {
		return copies
	}
	b, err := json.Marshal(list)
	if err != nil {
		return copies
	}
	return b
}

// mergeCopies takes the new state of every provider that was asked, and for the others what was known before.
func mergeCopies(before, now []keepsake.Copy, asked func(provider string) bool) []keepsake.Copy {
	merged := slices.Clone(now)
	for i, n := range merged {
		if n.Confirmed || asked(n.Provider) {
			continue
		}
		for _, b := range before {
			if b.Provider == n.Provider && b.Confirmed {
				merged[i].Confirmed = true
				merged[i].Error = n.Error
			}
		}
	}
	return merged
}

// keepBad leaves copies bad that a test found bad: a provider that lists a manifest does not prove what the manifest
// names, and names and sizes do not prove what is inside.
func keepBad(before, now []keepsake.Copy) []keepsake.Copy {
	kept := slices.Clone(now)
	for i, n := range kept {
		for _, b := range before {
			if b.Provider == n.Provider && !b.Confirmed {
				kept[i].Confirmed, kept[i].Error = false, cmp.Or(b.Error, n.Error)
			}
		}
	}
	return kept
}
