// Package policy decides from facts alone. It gets what is known and returns what follows, with the reason. It reads
// nothing, writes nothing and asks nothing, so that a test can try every case in a moment.
package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Brought is what one restore brings back. Whether it goes into the live database or into a new one makes no
// difference: both are the platform's data in somebody's hands.
type Brought struct {
	Scope keepsake.Scope
	// There are the tiers that hold tables of the recovery point: one that is empty there keeps nothing out. Without any
	// nobody can say.
	There    []keepsake.Tier
	Weddings int64 // how many the organization has; below 0: nobody can say
}

// Alone says how much one person may bring back within a day without a second approver.
type Alone struct {
	Weddings int // so many weddings, always: an emergency of a few is never held up
	Share    int // and so many percent of all weddings
}

// DefaultAlone returns the rule that counts where nothing is configured.
func DefaultAlone() Alone { return Alone{Weddings: 3, Share: 10} }

// mostWeddings is how many weddings may be brought back alone on a platform that has all of them.
func (a Alone) mostWeddings(all int64) int64 {
	return max(int64(a.Weddings), all*int64(a.Share)/100)
}

// NeedsApproval says why another super admin has to approve what is asked for, after what was brought back within the
// last day without anybody's approval; "" when nobody has to. all is how many weddings the platform has, 0 where nobody
// can say. What was brought back already may be brought back again, as far as nothing more comes of it.
func (a Alone) NeedsApproval(before []Brought, asked Brought, all int64) string {
	switch asked.Scope.Kind() {
	case keepsake.ScopeEverything:
		return "it is the whole database"
	case keepsake.ScopeTiers:
		return everyTier(before, asked)
	case keepsake.ScopeOrganization:
		if why := anotherOrganization(before, asked); why != "" {
			return why
		}
	}
	return a.tooManyWeddings(before, asked, all)
}

// everyTier adds the tiers up that hold anything.
func everyTier(before []Brought, asked Brought) string {
	if len(asked.There) == 0 {
		return "nobody can say just now which tiers hold tables of this recovery point"
	}
	var earlier []string
	for _, t := range asked.There {
		has := func(b Brought) bool { return slices.Contains(b.Scope.Tiers(), t) }
		switch {
		case has(asked):
		case slices.ContainsFunc(before, has):
			earlier = append(earlier, string(t))
		default:
			return "" // one stays out
		}
	}
	if len(earlier) == 0 {
		return "it is the whole database, tier by tier"
	}
	word := "tier"
	if len(earlier) > 1 {
		word = "tiers"
	}
	return fmt.Sprintf("with the %s %s, which came back within the last day, it is the whole database", word,
		strings.Join(earlier, " and "))
}

func anotherOrganization(before []Brought, asked Brought) string {
	named := map[string]bool{asked.Scope.OrganizationID(): true}
	for _, b := range before {
		if b.Scope == asked.Scope {
			return ""
		}
		if id := b.Scope.OrganizationID(); id != "" {
			named[id] = true
		}
	}
	if len(named) == 1 {
		return ""
	}
	return fmt.Sprintf("it would be organization number %d within a day; one may be brought back alone", len(named))
}

// tooManyWeddings adds weddings up: each once, and of each organization as many as it had at any of the points.
func (a Alone) tooManyWeddings(before []Brought, asked Brought, all int64) string {
	same := func(b Brought) bool {
		return b.Scope == asked.Scope && asked.Weddings >= 0 && b.Weddings >= asked.Weddings
	}
	if slices.ContainsFunc(before, same) {
		return ""
	}
	weddings, organizations := map[string]bool{}, map[string]int64{}
	for _, b := range append(slices.Clone(before), asked) {
		switch b.Scope.Kind() {
		case keepsake.ScopeWedding:
			weddings[b.Scope.WeddingID()] = true
		case keepsake.ScopeOrganization:
			id := b.Scope.OrganizationID()
			organizations[id] = max(organizations[id], b.Weddings)
		}
	}
	if asked.Scope.Kind() == keepsake.ScopeOrganization && asked.Weddings < 0 {
		return "nobody can say just now how many weddings this organization has"
	}
	sum := int64(len(weddings))
	for _, n := range organizations {
		sum += n
	}
	if most := a.mostWeddings(all); sum > most {
		of := "of a platform that could not be asked how many it has"
		if all > 0 {
			of = fmt.Sprintf("of the platform's %d", all)
		}
		return fmt.Sprintf("%d weddings would have come back within a day; %d %s may be brought back alone", sum, most, of)
	}
	return ""
}
