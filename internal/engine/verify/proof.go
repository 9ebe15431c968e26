package verify

import (
	"context"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// proof counts the rows that can be read from somewhere, as the index says how many each range has, and what each
// provider holds of the point. A restore counts and hashes the rows themselves.
func (v *verification) proof(ctx context.Context, m *repository.Manifest, refs []*repository.Ref, sound map[string]bool,
	bad map[repository.ChunkID]uint16) (report.PointProof, error) {
	out := report.PointProof{Integrity: map[string]float64{}, Away: v.awayFrom(m.ID, refs)}
	var asked uint16
	for _, p := range v.live {
		asked |= replicas.ProviderBit(v.repo.Providers, p.Name)
	}
	for _, p := range v.repo.Providers {
		if share, is := v.share(p, m.ID, refs, sound[p.Name], bad, asked); is {
			out.Integrity[p.Name] = share
		}
	}
	lost := func(c repository.Chunk) bool { return bad[c.ID]&asked == asked }
	track := report.NewTracker(nil, v.Now)
	defer track.Close()
	pages := replicas.NewSource(v.repo, v.live, m.ID, track)
	for i := range m.Tables {
		t := &m.Tables[i]
		found, err := t.Rows, error(nil)
		if len(bad) > 0 {
			found, err = rowsWithout(ctx, t, pages.Page, lost)
		}
		if err != nil {
			return out, err
		}
		out.RowsExpected, out.RowsFound = out.RowsExpected+t.Rows, out.RowsFound+found
		if found != t.Rows {
			out.Tables = append(out.Tables, report.TableProof{
				Table: keepsake.TableName(t.Schema, t.Name.Name), RowsExpected: t.Rows, RowsFound: found,
			})
		}
	}
	return out, nil
}

// share is how much of a recovery point is sound at a provider, of what it could be asked for; false: of nothing.
func (v *verification) share(p replicas.Provider, point string, refs []*repository.Ref, sound bool,
	bad map[repository.ChunkID]uint16, live uint16) (float64, bool) {
	if v.unasked[p.Name] {
		return 0, false
	}
	bit := replicas.ProviderBit(v.repo.Providers, p.Name)
	v.mu.Lock()
	defer v.mu.Unlock()
	hung, good, asked := v.hung[p.Name], 0, 0
	count := func(isSound bool, object string) {
		switch {
		case isSound:
			good, asked = good+1, asked+1
		case !hung || v.wrong[copyAt{p.Name, object}]:
			asked++
		}
	}
	for _, c := range refs {
		count(live&bit != 0 && bad[c.ID]&bit == 0, c.Key())
	}
	count(sound, repository.ManifestKey(point))
	return float64(good) / float64(max(1, asked)), asked > 0
}

// rowsWithout counts the rows of ranges that have lost no chunk.
func rowsWithout(
	ctx context.Context, t *repository.Table, fetch repository.Fetch, lost func(repository.Chunk) bool,
) (rows int64, err error) {
	for r, err := range t.EachRange(ctx, fetch) {
		if err != nil {
			return 0, err
		}
		if !slices.ContainsFunc(r.Chunks, lost) {
			rows += r.Rows
		}
	}
	return rows, nil
}

// suspect notes index pages of which a copy did not read well: they are read at every provider, whatever else
// is only listed.
func (v *verification) suspect(met []report.VerifyFinding) {
	v.suspects = map[repository.ChunkID]bool{}
	for _, f := range met {
		if ref, is := replicas.ParseKey(f.Object); is {
			v.suspects[ref.ID] = true
		}
	}
}

// unread names a recovery point of which nobody can say what belongs to it.
func (v *verification) unread(m *repository.Manifest, met []report.VerifyFinding, err error) {
	for _, f := range met {
		v.add(f)
	}
	if len(met) == 0 {
		v.add(report.VerifyFinding{
			Object:  repository.ManifestKey(m.ID),
			Damage:  keepsake.CodeOf(err) == keepsake.CodeDamaged,
			Problem: keepsake.MessageOf(err),
		})
	}
	copies := v.copies(nil, nil, nil)
	for i := range copies {
		if copies[i].Error == noManifest {
			copies[i].Error = "its index cannot be read"
		}
	}
	v.result.Repair = v.command
	v.result.Copies[m.ID] = copies
	v.result.Proofs[m.ID] = report.PointProof{
		Integrity:    map[string]float64{},
		RowsExpected: m.Stats.Rows,
		Away:         v.awayFrom(m.ID, nil),
	}
}
