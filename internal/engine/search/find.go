package search

import (
	"cmp"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/fold"
)

// MostWords is the largest number of words in a search. Each word costs a comparison with every wedding.
const MostWords = 8

// Query selects weddings of a Directory.
type Query struct {
	Text         string             // words and days that must each be found; empty: any
	Organization string             // the key of an organization; empty: any
	Today        time.Time          // at midnight UTC
	After        *Wedding           // those that come after it, by rank, day, couple and key; nil: from the first
	Keep         func(Wedding) bool // nil: all
	Limit        int
}

// Found is what a search found.
type Found struct {
	Weddings       []Wedding
	Total          int      // of all pages
	Days           []string // how days that were typed have been read, such as "Saturday, 5 December 2026"
	VendorsMissing bool     // vendors were not searched
}

// The ranks of what is found: the whole name of the couple, words of it, beginnings, parts; then what is not the
// couple's name.
const (
	rankName = iota
	rankWords
	rankBegins
	rankInside
	rankDay // the day, by a word that may as well be a name: April
	rankOrganization
	rankPlace
	rankVendor
	ranks
)

// Count returns how many weddings there are, and how many of them belong to the organizations for which theirs is
// true.
func (d *Directory) Count(theirs func(organization string) bool) (all, of int64) {
	for _, o := range d.organizations {
		if theirs(o.id) {
			of += o.weddings
		}
	}
	return int64(len(d.weddings)), of
}

// Find returns the weddings that fit every word. The best ones come first, and among equals the nearest. It looks at
// each wedding once.
func (d *Directory) Find(q Query) Found {
	terms, days := readTerms(q.Text, q.Today)
	s := searcher{d: d, terms: terms}
	s.prepare()
	found := Found{Days: days, VendorsMissing: d.VendorsMissing && len(terms) > 0}
	var byRank [ranks][]int32
	only := int32(-1)
	if q.Organization != "" {
		only = int32(slices.IndexFunc(d.organizations, func(o organization) bool { return o.id == q.Organization }))
		if only < 0 {
			return found
		}
	}
	for _, i := range d.nearest(q.Today) {
		w := &d.weddings[i]
		if only >= 0 && w.organization != only || q.Keep != nil && !q.Keep(d.weddingAt(i)) {
			continue
		}
		if rank, fits := s.rank(i); fits {
			byRank[rank] = append(byRank[rank], i)
			found.Total++
		}
	}
	order := NearestFirst(q.Today)
	for rank, list := range byRank {
		for _, i := range list {
			if len(found.Weddings) == q.Limit {
				return found
			}
			w := d.weddingAt(i)
			w.Rank = rank
			if a := q.After; a != nil && cmp.Or(cmp.Compare(rank, a.Rank), order(w, *a)) <= 0 {
				continue
			}
			w.Matched = s.matched(i)
			found.Weddings = append(found.Weddings, w)
		}
	}
	return found
}

func (d *Directory) weddingAt(i int32) Wedding {
	w, o := &d.weddings[i], &d.organizations[d.weddings[i].organization]
	return Wedding{ID: w.id, Couple: w.couple, OrganizationID: o.id, Organization: o.name, Date: w.date}
}

// searcher holds what is looked up once for a search: which couples, places, organizations and vendors fit which word.
type searcher struct {
	d             *Directory
	terms         []term
	words         int
	couples       [][]fold.Fit // by word, by wedding
	places        [][]bool     // by word, by wedding
	organizations [][]bool     // by word, by organization
	vendors       [][]bool
}

func (s *searcher) prepare() {
	for t := range s.terms {
		for w := range s.terms[t].words {
			s.terms[t].at = append(s.terms[t].at, s.words)
			s.words++
			word := s.terms[t].words[w]
			organizations, vendors := make([]bool, len(s.d.organizations)), make([]bool, len(s.d.vendors))
			for i := range s.d.organizations {
				organizations[i] = word.In(s.d.organizations[i].folded) != fold.None
			}
			for i := range s.d.vendors {
				v := &s.d.vendors[i]
				vendors[i] = word.In(v.name.folded) != fold.None || word.In(v.place.folded) != fold.None
			}
			places := make([]bool, len(s.d.weddings))
			for i, f := range s.d.places.Fits(word) {
				places[s.d.placesOf[i]] = places[s.d.placesOf[i]] || f != fold.None
			}
			s.couples, s.places = append(s.couples, s.d.couples.Fits(word)), append(s.places, places)
			s.organizations, s.vendors = append(s.organizations, organizations), append(s.vendors, vendors)
		}
	}
}

// rank says how well a wedding fits all terms.
func (s *searcher) rank(of int32) (worst int, fits bool) {
	w := &s.d.weddings[of]
	whole, named := 0, len(s.terms) > 0
	for i := range s.terms {
		t := &s.terms[i]
		onDay := t.onDay(w)
		if onDay && !t.weak {
			named = false
			continue
		}
		rank, ok := s.termRank(of, t)
		switch {
		case onDay && (!ok || rank > rankDay):
			rank = rankDay
		case !ok:
			return 0, false
		case rank == rankWords:
			whole += len(t.words)
		}
		worst = max(worst, rank)
	}
	if named && worst == rankWords && whole == w.whole {
		return rankName, true
	}
	return worst, true
}

// onDay reports whether a term names the day of a wedding.
func (t *term) onDay(w *wedding) bool { return t.day != nil && !w.date.IsZero() && t.day(w.date) }

// termRank says how well all words of a term fit a wedding.
func (s *searcher) termRank(of int32, t *term) (worst int, fits bool) {
	for _, at := range t.at {
		rank, ok := s.wordRank(of, at)
		if !ok {
			return 0, false
		}
		worst = max(worst, rank)
	}
	return worst, len(t.at) > 0
}

func (s *searcher) wordRank(of int32, at int) (int, bool) {
	switch s.couples[at][of] {
	case fold.Whole:
		return rankWords, true
	case fold.Begins:
		return rankBegins, true
	case fold.Inside:
		return rankInside, true
	}
	w := &s.d.weddings[of]
	switch {
	case s.organizations[at][w.organization]:
		return rankOrganization, true
	case s.places[at][of]:
		return rankPlace, true
	}
	for _, v := range w.vendors {
		if s.vendors[at][v] {
			return rankVendor, true
		}
	}
	return 0, false
}

// matched says what of a wedding fits the words that are not the couple's.
func (s *searcher) matched(of int32) (out []Match) {
	w := &s.d.weddings[of]
	add := func(m Match) {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	for i := range s.terms {
		t := &s.terms[i]
		if t.onDay(w) {
			continue
		}
		for k, word := range t.words {
			switch rank, _ := s.wordRank(of, t.at[k]); rank {
			case rankOrganization:
				add(Match{Organization, s.d.organizations[w.organization].name})
			case rankPlace:
				for _, p := range w.places {
					if word.In(fold.Search(p)) != fold.None {
						add(Match{Place, p})
						break
					}
				}
			case rankVendor:
				add(s.vendorMatch(w, word, t.at[k]))
			}
		}
	}
	return out
}

// vendorMatch names the vendor that fits a word best: by its name before by its place.
func (s *searcher) vendorMatch(w *wedding, word fold.Text, at int) Match {
	var best Match
	fit := fold.None
	for _, i := range w.vendors {
		if v := &s.d.vendors[i]; s.vendors[at][i] {
			if f := word.In(v.name.folded); f > fit || best.Text == "" {
				fit, best = f, Match{Vendor, v.name.text}
			}
			if v.place.text != "" && word.In(v.name.folded) == fold.None && best.Text == v.name.text {
				best.Text += ", " + v.place.text // it is the place that fits
			}
		}
	}
	return best
}
