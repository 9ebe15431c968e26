package weddings

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/engine/search"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// directoryTime bounds reading all names, and linksTime reading who works where:
	// without it, a search goes on without vendors.
	directoryTime, linksTime = 20 * time.Second, 8 * time.Second
	// A live directory is used for directoryShare times as long as it took to read, within these bounds: the platform must
	// not notice who searches, and who has just added a wedding wants to find it.
	directoryShare    = 20
	leastAge, mostAge = 2 * time.Second, 15 * time.Second
	// readingsAtOnce bounds the memory and the connections of those who ask for many recovery points at a time.
	readingsAtOnce = 4
)

// slot names a directory: of a recovery point, or of the live platform where there is none. Who works where is read
// only when words are searched for: most who look at weddings need it not, and they are many rows.
type slot struct {
	point   string
	vendors bool
}

// directories are those that were read last, of the live platform and of one recovery point. Callers that ask at once
// share one reading, which goes on when the caller that began it is gone.
type directories struct {
	mu      sync.Mutex
	kept    map[slot]kept
	reading map[slot]*reading
	life    context.Context // of the readings
	end     context.CancelFunc
	running sync.WaitGroup
	turns   chan struct{} // full while as many readings go on as may
	known   knownNow
}

type kept struct {
	directory *search.Directory
	until     time.Time // zero: for good
}

type reading struct {
	done      chan struct{} // closed when the rest is there
	directory *search.Directory
	err       error
}

func newDirectories() *directories {
	d := &directories{
		kept:    map[slot]kept{},
		reading: map[slot]*reading{},
		turns:   make(chan struct{}, readingsAtOnce),
	}
	d.life, d.end = context.WithCancel(context.Background())
	return d
}

// close ends the readings and waits for them.
func (d *directories) close() {
	d.end()
	d.running.Wait()
}

// get returns the directory of a slot, read by read if there is none that is new enough.
func (d *directories) get(ctx context.Context, s slot, now func() time.Time,
	read func(context.Context) (*search.Directory, error)) (*search.Directory, error) {
	d.mu.Lock()
	for _, s := range []slot{s, {s.point, true}} {
		if k, there := d.kept[s]; there && (k.until.IsZero() || now().Before(k.until)) {
			d.mu.Unlock()
			return k.directory, nil
		}
	}
	r := d.reading[s]
	if r == nil {
		if err := d.life.Err(); err != nil {
			d.mu.Unlock()
			return nil, keepsake.Errorf(keepsake.CodeUnavailable, "this program is ending")
		}
		r = &reading{done: make(chan struct{})}
		d.reading[s] = r
		//nolint:contextcheck // others may wait for the reading when whoever began it is gone
		d.running.Go(func() { d.read(s, r, now, read) })
	}
	d.mu.Unlock()
	select {
	case <-r.done:
		return r.directory, r.err
	case <-ctx.Done():
		return nil, keepsake.Errorf(keepsake.CodeUnavailable, "The names could not be read in time: %w", ctx.Err())
	}
}

func (d *directories) read(s slot, r *reading, now func() time.Time,
	read func(context.Context) (*search.Directory, error)) {
	ctx, cancel := context.WithTimeout(d.life, directoryTime)
	defer cancel()
	end, err := d.turn(ctx, s)
	started := now()
	if err == nil {
		r.directory, err = read(ctx)
		end()
		if err != nil && ctx.Err() != nil {
			err = keepsake.Errorf(keepsake.CodeUnavailable, "The names could not be read in time: %w", err)
		}
	}
	r.err = err
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.reading, s)
	if r.err == nil {
		k := kept{directory: r.directory}
		if s.point == "" {
			k.until = now().Add(min(max(directoryShare*now().Sub(started), leastAge), mostAge))
		} else {
			of := strings.TrimPrefix(s.point, beforeSlot)
			for other := range d.kept { // one recovery point at a time
				if other.point != "" && strings.TrimPrefix(other.point, beforeSlot) != of {
					delete(d.kept, other)
				}
			}
		}
		d.kept[s] = k
	}
	close(r.done)
}

// turn waits until a directory may be read. The live one, which everybody looks at, never waits.
func (d *directories) turn(ctx context.Context, s slot) (end func(), err error) {
	if s.point == "" {
		return func() {}, nil
	}
	select {
	case d.turns <- struct{}{}:
		return func() { <-d.turns }, nil
	case <-ctx.Done():
		return nil, keepsake.Errorf(keepsake.CodeUnavailable,
			"The names could not be read in time, because too many recovery points are looked at. Please try again.")
	}
}

// liveDirectory reads the platform's names.
func (by *Finder) liveDirectory(ctx context.Context, vendors bool) (*search.Directory, error) {
	return by.directories.get(ctx, slot{vendors: vendors}, by.now,
		func(ctx context.Context) (directory *search.Directory, err error) {
			err = by.questions.Ask(ctx, func(conn *pgx.Conn) error {
				b := search.NewBuilder()
				if err := platform.ReadNames(ctx, conn, by.dataMap, b); err != nil {
					return fmt.Errorf("read the weddings' names: %w", err)
				}
				if !vendors {
					directory = b.Done()
					return nil
				}
				linking, cancel := context.WithTimeout(ctx, linksTime)
				defer cancel()
				err := platform.ReadVendorLinks(linking, conn, by.dataMap, b.Link)
				if directory = b.Done(); linking.Err() != nil && ctx.Err() == nil {
					directory.VendorsMissing, err = true, nil
				}
				if err != nil {
					return fmt.Errorf("read who works at which wedding: %w", err)
				}
				return nil
			})
			return directory, err
		})
}

// directoryAt reads a recovery point's names, and says of which moment they are.
func (by *Finder) directoryAt(ctx context.Context, point string, vendors bool) (*search.Directory, time.Time, error) {
	r, from, err := by.replicas.OpenFor(ctx, "")
	if err != nil {
		return nil, time.Time{}, err
	}
	m, _, _, err := by.replicas.Resolve(ctx, r, from, point)
	if err != nil {
		return nil, time.Time{}, err
	}
	directory, err := by.directories.get(ctx, slot{m.ID, vendors}, by.now,
		func(ctx context.Context) (*search.Directory, error) {
			track := report.NewTracker(nil, by.now)
			defer track.Close()
			return by.readDirectory(ctx, m, replicas.NewSource(r, from, m.ID, track), vendors)
		})
	return directory, m.Time, err
}

// readDirectory reads the tables of weddings, organizations and vendors, and those that link them. What a table lacks
// is left out, as on the live platform.
func (by *Finder) readDirectory(ctx context.Context, m *repository.Manifest, chunks scope.Chunks, linked bool) (
	*search.Directory, error) {
	d := by.dataMap
	plan, err := scope.FromManifest(m, d, d.Wedding.Table)
	if err != nil {
		return nil, err
	}
	b := search.NewBuilder()
	if t := plan.Table(keepsake.QualifiedName(d.Organization.Table)); t != nil && len(t.Key) == 1 {
		err := eachRow(ctx, t, chunks, []string{t.Key[0], d.Organization.Name},
			func(v []string) { b.Organization(v[0], v[1]) })
		if err != nil {
			return nil, err
		}
	}
	vendors := plan.Table(keepsake.QualifiedName(d.Vendor.Table))
	if !linked || vendors != nil && (len(vendors.Key) != 1 || d.Vendor.Name == "") {
		vendors = nil
	}
	if vendors != nil {
		err := eachRow(ctx, vendors, chunks, []string{vendors.Key[0], d.Vendor.Name, d.Vendor.Place},
			func(v []string) { b.Vendor(v[0], v[1], v[2]) })
		if err != nil {
			return nil, err
		}
	}
	columns := append([]string{plan.RootKey, d.Wedding.Name, d.Wedding.Organization, d.Wedding.Date}, d.Wedding.Places...)
	err = eachRow(ctx, plan.Table(plan.Root), chunks, columns, func(v []string) {
		day, err := time.Parse(time.DateOnly, v[3][:min(len(v[3]), len(time.DateOnly))])
		if err != nil {
			day = time.Time{} // there is none, or infinity
		}
		b.Wedding(v[0], v[1], v[2], day, v[4:]...)
	})
	if err != nil || vendors == nil {
		return b.Done(), err
	}
	keys, err := scope.References(m)
	if err != nil {
		return nil, err
	}
	missing := false
	for _, l := range platform.VendorLinks(platform.References(keys, d), d, plan.RootKey, vendors.Key[0]) {
		t := plan.Table(l.Table)
		if t == nil {
			continue
		}
		err := eachRow(ctx, t, chunks, []string{l.WeddingColumn, l.VendorColumn}, func(v []string) { b.Link(v[0], v[1]) })
		if keepsake.CodeOf(err) == keepsake.CodeUnsupported && err != nil { // too large to look through
			missing, err = true, nil
		}
		if err != nil {
			return nil, err
		}
	}
	directory := b.Done()
	directory.VendorsMissing = missing
	return directory, nil
}

// eachRow hands some columns of every row of a table to do, the empty text for null and for what is not there.
func eachRow(ctx context.Context, t *scope.Table, chunks scope.Chunks, columns []string, do func([]string)) error {
	rows, err := scope.ReadTable(ctx, t, chunks)
	if err != nil {
		return err
	}
	read := make([]func([]*string) string, len(columns))
	for i, name := range columns {
		read[i] = columnOf(rows, name)
	}
	values := make([]string, len(columns))
	for _, row := range rows.Rows {
		for i := range values {
			values[i] = read[i](row)
		}
		do(values)
	}
	return nil
}
