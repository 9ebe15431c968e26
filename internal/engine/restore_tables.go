package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// proof is what reading back has found in one table so far.
type proof struct {
	rows int64
	hash repository.RowHash
}

// piece is one page range of one table that is to be read back.
type piece struct {
	table int
	pages platform.PageRange
}

// board hands out work to the loaders: tables to load first, in order, then pieces to read back. Every table adds its pieces
// when it is loaded, so no loader is idle while another fills the last large table.
type board struct {
	mu      sync.Mutex
	changed *sync.Cond
	next    int // the next table to load
	tables  int
	loading int // tables being loaded
	pieces  []piece
	stopped bool
	loaded  chan struct{} // closed when every table is loaded
}

func newBoard(tables int) *board {
	b := &board{tables: tables, loaded: make(chan struct{})}
	b.changed = sync.NewCond(&b.mu)
	if tables == 0 {
		close(b.loaded)
	}
	return b
}

// take waits for work: a table to load (its index) or a piece to read back; neither when all is done or stopped.
func (b *board) take() (load int, read *piece) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case b.stopped:
			return -1, nil
		case b.next < b.tables:
			b.next++
			b.loading++
			return b.next - 1, nil
		case len(b.pieces) > 0:
			p := b.pieces[0]
			b.pieces = b.pieces[1:]
			return -1, &p
		case b.loading == 0:
			return -1, nil
		}
		b.changed.Wait()
	}
}

// put ends the loading of one table and adds its pieces.
func (b *board) put(pieces []piece) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loading--
	b.pieces = append(b.pieces, pieces...)
	if b.loading == 0 && b.next == b.tables {
		close(b.loaded)
	}
	b.changed.Broadcast()
}

// stop lets every loader end.
func (b *board) stop() {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.changed.Broadcast()
}

// loadAndFinish fills the tables, most urgent tier first, and reads them back. As soon as all rows are in, indexes and
// constraints are built while the last tables are still being read back.
func (r *restore) loadAndFinish(ctx context.Context) error {
	overlap, err := r.target.SeesEverything(ctx)
	if err != nil {
		return fmt.Errorf("ask for the role's rights: %w", err)
	}
	work := newBoard(len(r.tables))
	g, group := errgroup.WithContext(ctx)
	stop := context.AfterFunc(group, work.stop)
	defer stop()
	for range max(1, min(r.e.opts.Workers, len(r.tables))) {
		g.Go(func() error { return r.loader(group, work) })
	}
	if overlap {
		g.Go(func() error {
			select {
			case <-work.loaded:
			case <-group.Done():
				return group.Err()
			}
			r.track.stage(StageIndexing)
			return r.finishSchema(group)
		})
	}
	if err := g.Wait(); err != nil || overlap {
		return err
	}
	r.track.stage(StageIndexing)
	return r.finishSchema(ctx)
}

func (r *restore) loader(ctx context.Context, work *board) error {
	l, err := r.target.NewLoader(ctx)
	if err != nil {
		return err
	}
	defer l.Close(ctx)
	for {
		load, read := work.take()
		switch {
		case load >= 0:
			pieces, err := r.loadTable(ctx, l, load)
			if err != nil {
				return fmt.Errorf("table %s.%s: %w", r.tables[load].Schema, r.tables[load].Name.Name, err)
			}
			work.put(pieces)
		case read != nil:
			if err := r.readBack(ctx, l, *read); err != nil {
				t := r.tables[read.table]
				return fmt.Errorf("table %s.%s: read back: %w", t.Schema, t.Name.Name, err)
			}
		default:
			return ctx.Err()
		}
	}
}

// loadTable fills one table and returns the pieces in which to read it back.
func (r *restore) loadTable(ctx context.Context, l *target.Loader, i int) ([]piece, error) {
	t := r.tables[i]
	if t.Rows > 0 {
		rows := r.source.rows(ctx, t, func(plain int64) {
			r.track.update(func(p *Progress) {
				p.Tables[i].State = ItemRunning
				p.Tables[i].BytesDone += plain
				p.BytesDone += plain
			})
		})
		_, err := l.Load(ctx, t, r.manifest.Source.Encoding, rows)
		_ = rows.Close()
		if err != nil {
			return nil, err
		}
	}
	ranges, err := l.Pieces(ctx, t)
	if err != nil {
		return nil, err
	}
	pieces := make([]piece, len(ranges))
	for j, pages := range ranges {
		pieces[j] = piece{table: i, pages: pages}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Tables++
	r.result.Bytes += plainBytes(t)
	if r.tierLeft[t.Tier]--; r.tierLeft[t.Tier] == 0 {
		r.result.TierSeconds[string(t.Tier)] = r.e.opts.Now().Sub(r.started).Seconds()
		r.track.infof("All rows of the %s tier are readable.", t.Tier)
	}
	r.track.update(func(p *Progress) {
		p.Tables[i].State, p.Tables[i].RowsDone = ItemDone, t.Rows
		p.RowsDone += t.Rows
	})
	return pieces, nil
}

func (r *restore) readBack(ctx context.Context, l *target.Loader, p piece) error {
	rows, hash, err := l.ReadBack(ctx, r.tables[p.table], r.manifest.Source.Encoding, p.pages)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.proofs[p.table].rows += rows
	r.proofs[p.table].hash.AddHash(hash)
	return nil
}

// prove compares what was read back with the recovery point.
func (r *restore) prove(context.Context) error {
	var wrong []string
	for i, t := range r.tables {
		found := r.proofs[i]
		r.result.Rows += found.rows
		if found.rows != t.Rows || found.hash != t.Hash {
			wrong = append(wrong, fmt.Sprintf("%s.%s (%d of %d rows)", t.Schema, t.Name.Name, found.rows, t.Rows))
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return keepsake.Errorf(keepsake.CodeDamaged, "the restored rows differ from the recovery point in %s", strings.Join(wrong, ", "))
	}
	r.result.Verified = true
	r.track.infof("%d tables with %d rows are equal to the recovery point.", r.result.Tables, r.result.Rows)
	return nil
}
