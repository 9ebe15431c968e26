package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func the(tiers ...keepsake.Tier) keepsake.Scope {
	return keepsake.MustScope(keepsake.TierScope(tiers...))
}

func tiers(names ...keepsake.Tier) Brought {
	return Brought{Scope: the(names...), There: keepsake.Tiers()}
}
func wedding(id string) Brought { return Brought{Scope: keepsake.MustScope(keepsake.WeddingScope(id))} }
func organization(id string, weddings int64) Brought {
	return Brought{Scope: keepsake.MustScope(keepsake.OrganizationScope(id)), Weddings: weddings}
}

const critical, high, standard = keepsake.TierCritical, keepsake.TierHigh, keepsake.TierStandard

func TestSecondApproverRule(t *testing.T) {
	t.Parallel()
	three := []Brought{wedding("1"), wedding("2"), wedding("3")}
	for name, c := range map[string]struct {
		before []Brought
		asked  Brought
		all    int64
		says   string // "": nobody has to approve
	}{
		"everything":        {nil, Brought{Scope: keepsake.Everything()}, 40, "whole database"},
		"all tiers at once": {nil, tiers(keepsake.Tiers()...), 40, "whole database"},
		"one tier":          {nil, tiers(critical), 40, ""},
		"two tiers":         {nil, tiers(critical, high), 40, ""},
		"two tiers, then the third": {[]Brought{tiers(critical, high)},
			tiers(standard), 40, "tiers critical and high"},
		"tier by tier": {[]Brought{tiers(standard), tiers(critical)}, tiers(high), 40,
			"tiers critical and standard"},
		"two tiers, then two that overlap": {[]Brought{tiers(critical, high)}, tiers(high, standard), 40, "tier critical"},
		"the same two tiers again":         {[]Brought{tiers(critical, high)}, tiers(critical, high), 40, ""},
		"one organization":                 {nil, organization("a", 2), 40, ""},
		"the same organization again":      {[]Brought{organization("a", 2)}, organization("a", 2), 40, ""},
		"the same organization when it had more": {[]Brought{organization("a", 2)}, organization("a", 30), 40,
			"30 weddings"},
		"the same organization when it had fewer": {[]Brought{organization("a", 4)}, organization("a", 2), 40, ""},
		"fewer, then other weddings": {[]Brought{organization("a", 4), organization("a", 2)}, wedding("9"), 40,
			"5 weddings"},
		"the same organization of unknown size": {[]Brought{organization("a", 2)}, organization("a", -1), 40,
			"nobody can say"},
		"two organizations": {[]Brought{organization("a", 1)},
			organization("b", 1), 40, "organization number 2"},
		"an organization that is too large": {nil, organization("a", 5), 40,
			"5 weddings would have come back within a day; 4 of the platform's 40"},
		"an organization of unknown size":  {nil, organization("a", -1), 40, "nobody can say"},
		"an emergency of a small platform": {three[:2], wedding("3"), 3, ""},
		"one more than that": {three, wedding("4"), 4,
			"4 weddings would have come back within a day; 3 of the platform's 4"},
		"a tenth":                         {three, wedding("4"), 40, ""},
		"more than a tenth":               {append(slices.Clone(three), wedding("4")), wedding("5"), 40, "5 weddings"},
		"the same wedding once more":      {append(slices.Clone(three), wedding("4")), wedding("4"), 10, ""},
		"an organization and weddings":    {[]Brought{organization("a", 3)}, wedding("9"), 10, "4 weddings"},
		"weddings and an organization":    {three[:2], organization("a", 2), 10, "4 weddings"},
		"a platform that does not answer": {three, wedding("4"), 0, "could not be asked"},
		"all tiers that hold anything": {nil,
			Brought{Scope: the(critical, standard), There: []keepsake.Tier{critical, standard}}, 40, "whole database"},
		"one by one, all that hold tables": {[]Brought{tiers(critical)},
			Brought{Scope: the(standard), There: []keepsake.Tier{critical, standard}}, 40, "tier critical"},
		"tiers of a point nobody can read": {nil, Brought{Scope: the(critical)}, 40, "nobody can say"},
		"a wedding after two tiers":        {[]Brought{tiers(critical, high)}, wedding("1"), 40, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why := DefaultAlone().NeedsApproval(c.before, c.asked, c.all)
			if (why == "") != (c.says == "") || !strings.Contains(why, c.says) {
				t.Errorf("%q, want %q", why, c.says)
			}
		})
	}
}

// TestNoSplittingPassesTheSecondApprover draws restores of every kind in any order, of whatever pieces: what was
// brought back without a second approver is never every tier, two organizations, or more weddings than one may.
func TestNoSplittingPassesTheSecondApprover(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		alone := Alone{Weddings: rapid.IntRange(0, 5).Draw(t, "weddings"), Share: rapid.IntRange(0, 100).Draw(t, "share")}
		all := rapid.Int64Range(0, 60).Draw(t, "all")
		one := rapid.Custom(func(t *rapid.T) Brought {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				return tiers(rapid.SliceOfNDistinct(rapid.SampledFrom(keepsake.Tiers()), 1, 3, rapid.ID).Draw(t, "tiers")...)
			case 1:
				n := rapid.IntRange(0, 4).Draw(t, "organization")
				had := rapid.Int64Range(0, 8).Draw(t, "had") // at that recovery point
				return organization(fmt.Sprint("o", n), had)
			case 2:
				return Brought{Scope: keepsake.Everything()}
			}
			return wedding(fmt.Sprint("w", rapid.IntRange(0, 60).Draw(t, "wedding")))
		})
		var came []Brought
		for _, asked := range rapid.SliceOfN(one, 1, 30).Draw(t, "asked") {
			if alone.NeedsApproval(came, asked, all) == "" {
				came = append(came, asked)
			}
		}
		there, weddings, organizations := map[keepsake.Tier]bool{}, map[string]bool{}, map[string]int64{}
		for _, b := range came {
			switch b.Scope.Kind() {
			case keepsake.ScopeEverything:
				t.Fatal("everything came back alone")
			case keepsake.ScopeWedding:
				weddings[b.Scope.WeddingID()] = true
			case keepsake.ScopeOrganization:
				id := b.Scope.OrganizationID()
				organizations[id] = max(organizations[id], b.Weddings)
			}
			for _, tier := range b.Scope.Tiers() {
				there[tier] = true
			}
		}
		sum := int64(len(weddings))
		for _, n := range organizations {
			sum += n
		}
		if len(there) == len(keepsake.Tiers()) || len(organizations) > 1 ||
			sum > max(int64(alone.Weddings), all*int64(alone.Share)/100) {
			t.Fatalf("alone: %v tiers, %d organizations, %d of %d weddings", there, len(organizations), sum, all)
		}
	})
}
