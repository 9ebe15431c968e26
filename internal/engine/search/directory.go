// Package search finds weddings by what people type: words of the couple, the organization, a place or a vendor, in
// any order and without their accents, and days in the forms that people write. It knows neither PostgreSQL nor the
// repository. A Directory can hold the live platform or a recovery point, and answers the same for both.
package search

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/fold"
)

// Wedding is one wedding of the platform.
type Wedding struct {
	ID             string
	Couple         string
	OrganizationID string
	Organization   string
	Date           time.Time // the day, at midnight UTC; zero: there is none yet
	Matched        []Match   // what a search found beside the couple and the day
	Rank           int       // how well a search fits: 0 is best. Without a search it is 0
}

// Day returns the wedding's day as YYYY-MM-DD, or "" where there is none yet.
func (w Wedding) Day() string {
	if w.Date.IsZero() {
		return ""
	}
	return w.Date.Format(time.DateOnly)
}

// Match says what of a wedding a search found, when it was not the couple.
type Match struct {
	Kind Kind   `json:"kind" enum:"organization,place,vendor"`
	Text string `json:"text" doc:"As the platform writes it"`
}

// Kind says where a word was found.
type Kind string

// Where a word can be found beside the couple.
const (
	Organization Kind = "organization"
	Place        Kind = "place"
	Vendor       Kind = "vendor"
)

// Directory holds what a search looks through: every wedding with its day, organization, places and vendors, folded
// once. It takes about 300 bytes for each wedding. It never changes, so any number of searches may share it.
type Directory struct {
	// VendorsMissing says that the vendors could not be read in time, so that no search finds one.
	VendorsMissing bool

	weddings      []wedding // by day, couple and key; those without a day last
	organizations []organization
	vendors       []vendor
	couples       *fold.Corpus // of the weddings
	places        *fold.Corpus // of all weddings' places
	placesOf      []int32      // whose place it is

	named sync.Once
	ids   map[string]struct{} // of the weddings, once they were asked for

	mu    sync.Mutex
	order []int32 // of weddings, nearest first, as of the day today
	today time.Time
}

type wedding struct {
	id, couple   string
	whole        int // words of the couple's names
	organization int32
	date         time.Time
	places       []string
	vendors      []int32
}

type place struct {
	text   string
	folded fold.Text
}

type organization struct {
	id, name string
	folded   fold.Text
	weddings int64
	known    bool // it has a row of its own
}

type vendor struct{ name, place place }

// Builder fills a Directory. Add organizations and vendors first, then weddings, then the links between vendors and
// weddings.
type Builder struct {
	d             Directory
	organizations map[string]int32
	vendors       map[string]int32
	weddings      map[string]int32
}

// NewBuilder returns a Builder of an empty Directory.
func NewBuilder() *Builder {
	return &Builder{organizations: map[string]int32{}, vendors: map[string]int32{}, weddings: map[string]int32{}}
}

// Organization adds an organization.
func (b *Builder) Organization(id, name string) {
	i := b.organization(id)
	o := &b.d.organizations[i]
	o.name, o.folded, o.known = name, fold.Search(name), true
}

func (b *Builder) organization(id string) int32 {
	i, there := b.organizations[id]
	if !there {
		i = int32(len(b.d.organizations))
		b.organizations[id] = i
		b.d.organizations = append(b.d.organizations, organization{id: id})
	}
	return i
}

// Vendor adds a vendor.
func (b *Builder) Vendor(id, name, at string) {
	b.vendors[id] = int32(len(b.d.vendors))
	b.d.vendors = append(b.d.vendors, vendor{placeOf(name), placeOf(at)})
}

func placeOf(text string) place { return place{text, fold.Search(text)} }

// Wedding adds a wedding. A zero day means that it has none.
func (b *Builder) Wedding(id, couple, organizationID string, day time.Time, places ...string) {
	w := wedding{
		id:           id,
		couple:       couple,
		whole:        len(fold.Words(couple, 1<<10)),
		organization: b.organization(organizationID),
		date:         day,
	}
	b.d.organizations[w.organization].weddings++
	for _, p := range places {
		if p != "" {
			w.places = append(w.places, p)
		}
	}
	b.weddings[id] = int32(len(b.d.weddings))
	b.d.weddings = append(b.d.weddings, w)
}

// Link says that a vendor works at a wedding. It ignores a vendor or wedding that was not added, because rows come
// and go while tables are read.
func (b *Builder) Link(weddingID, vendorID string) {
	w, known := b.weddings[weddingID]
	v, also := b.vendors[vendorID]
	if known && also {
		b.d.weddings[w].vendors = append(b.d.weddings[w].vendors, v)
	}
}

// Done returns the Directory. The Builder must not be used afterwards.
func (b *Builder) Done() *Directory {
	d := &b.d
	for i := range d.weddings {
		w := &d.weddings[i]
		slices.Sort(w.vendors)
		w.vendors = slices.Clip(slices.Compact(w.vendors))
	}
	slices.SortFunc(d.weddings, func(a, b wedding) int {
		if a.date.IsZero() != b.date.IsZero() {
			if b.date.IsZero() {
				return -1
			}
			return 1
		}
		return cmp.Or(a.date.Compare(b.date), strings.Compare(a.couple, b.couple), strings.Compare(a.id, b.id))
	})
	var couples, places []fold.Text
	for i := range d.weddings {
		couples = append(couples, fold.Search(d.weddings[i].couple))
		for _, p := range d.weddings[i].places {
			places, d.placesOf = append(places, fold.Search(p)), append(d.placesOf, int32(i))
		}
	}
	d.couples, d.places = fold.NewCorpus(couples), fold.NewCorpus(places)
	return d
}

// Organizations returns the organizations whose names hold every word, ordered by name.
func (d *Directory) Organizations(search string) (list []OrganizationFound) {
	words := fold.Words(search, MostWords)
	for _, o := range d.organizations {
		if o.known && !slices.ContainsFunc(words, func(w fold.Text) bool { return w.In(o.folded) == fold.None }) {
			list = append(list, OrganizationFound{o.id, o.name, o.weddings})
		}
	}
	slices.SortFunc(list, func(a, b OrganizationFound) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return list
}

// OrganizationFound is an organization with the number of its weddings.
type OrganizationFound struct {
	ID, Name string
	Weddings int64
}

// nearest returns the weddings in the order of NearestFirst.
func (d *Directory) nearest(today time.Time) []int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.order != nil && d.today.Equal(today) {
		return d.order
	}
	dated, _ := slices.BinarySearchFunc(d.weddings, true, func(w wedding, _ bool) int {
		if w.date.IsZero() {
			return 0
		}
		return -1
	})
	ahead, _ := slices.BinarySearchFunc(d.weddings[:dated], today,
		func(w wedding, t time.Time) int { return w.date.Compare(t) })
	order := make([]int32, 0, len(d.weddings))
	for i := ahead; i < dated; i++ {
		order = append(order, int32(i))
	}
	for end := ahead; end > 0; { // day by day into the past, each day in its own order
		from := end - 1
		for from > 0 && d.weddings[from-1].date.Equal(d.weddings[end-1].date) {
			from--
		}
		for i := from; i < end; i++ {
			order = append(order, int32(i))
		}
		end = from
	}
	for i := dated; i < len(d.weddings); i++ {
		order = append(order, int32(i))
	}
	d.order, d.today = order, today
	return order
}

// NearestFirst orders weddings: those ahead come before past ones, and among each the nearest day comes first. Those
// without a day are last.
func NearestFirst(today time.Time) func(a, b Wedding) int {
	return func(a, b Wedding) int {
		if a.Date.IsZero() != b.Date.IsZero() {
			if b.Date.IsZero() {
				return -1
			}
			return 1
		}
		pastA, pastB := a.Date.Before(today), b.Date.Before(today)
		switch {
		case pastA != pastB && pastB:
			return -1
		case pastA != pastB:
			return 1
		case pastA:
			return cmp.Or(b.Date.Compare(a.Date), strings.Compare(a.Couple, b.Couple), strings.Compare(a.ID, b.ID))
		}
		return cmp.Or(a.Date.Compare(b.Date), strings.Compare(a.Couple, b.Couple), strings.Compare(a.ID, b.ID))
	}
}
