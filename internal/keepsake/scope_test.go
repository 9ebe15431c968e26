package keepsake_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// fieldsOfAllKinds are combinations of everything that a request can say about a scope, valid and invalid ones.
func fieldsOfAllKinds() (all []keepsake.ScopeFields) {
	keys := []string{"", "7", "Lena & Anton", " ", `"}`, "a\x00b", "\xff"}
	tiers := [][]keepsake.Tier{nil, {}, {"critical"}, {"standard", "critical"}, {"high", "high"},
		{"standard", "high", "critical"}, {"CRITICAL"}, {"gold"}, {"critical", ""}}
	for _, wedding := range keys {
		for _, organization := range keys {
			for _, of := range tiers {
				for _, everything := range []bool{false, true} {
					all = append(all, keepsake.ScopeFields{
						WeddingID:      wedding,
						OrganizationID: organization,
						Tiers:          of,
						Everything:     everything,
					})
				}
			}
		}
	}
	return all
}

// isOneScope says independently of the code whether fields name exactly one scope that there can be.
func isOneScope(f keepsake.ScopeFields) bool {
	key := func(s string) bool { return s != "" && !strings.Contains(s, "\x00") && s != "\xff" && s != "a\x00b" }
	tiers := len(f.Tiers) > 0 && !slices.ContainsFunc(f.Tiers, func(t keepsake.Tier) bool {
		return !slices.Contains(keepsake.Tiers(), keepsake.Tier(strings.ToLower(string(t))))
	})
	none := keepsake.ScopeFields{}
	switch {
	case f.Everything:
		return f.WeddingID == none.WeddingID && f.OrganizationID == none.OrganizationID && len(f.Tiers) == 0
	case len(f.Tiers) > 0:
		return f.WeddingID == "" && f.OrganizationID == "" && tiers
	case f.OrganizationID != "":
		return f.WeddingID == "" && key(f.OrganizationID)
	}
	return key(f.WeddingID)
}

// TestScopeIsValidOrRefused: of all that a request can say, exactly what names one scope makes one, and everything else
// is refused with a sentence. What is made has words and comes back unchanged from every encoding.
func TestScopeIsValidOrRefused(t *testing.T) {
	t.Parallel()
	made := map[keepsake.Scope]bool{}
	for _, f := range fieldsOfAllKinds() {
		s, err := f.Scope()
		switch valid := isOneScope(f); {
		case valid && err != nil:
			t.Errorf("%+v is refused: %v", f, err)
		case !valid && err == nil:
			t.Errorf("%+v is %s, and was to be refused", f, s)
		case !valid:
			code, words := keepsake.CodeOf(err), keepsake.MessageOf(err)
			if code != keepsake.CodeInvalid && code != keepsake.CodeNotFound {
				t.Errorf("%+v: refused with the code %s", f, code)
			}
			if strings.TrimSpace(words) == "" || s != (keepsake.Scope{}) {
				t.Errorf("%+v: refused with %q and the scope %s", f, words, s)
			}
		default:
			made[s] = true
		}
	}
	if len(made) != 4+4+4+1 {
		t.Errorf("%d different scopes were made: %v", len(made), made)
	}
	for s := range made {
		roundTrips(t, s)
	}
}

// roundTrips fails unless a scope has words and survives its encodings.
func roundTrips(t *testing.T, s keepsake.Scope) {
	t.Helper()
	if err := s.Check(); err != nil || s.IsZero() {
		t.Errorf("%s does not pass its own check: %v", s, err)
	}
	for what, words := range map[string]string{"name": s.Name(), "words": s.Words(""), "words of a name": s.Words("Lena"),
		"target": s.Target(), "string": s.String(), "kind": string(s.Kind())} {
		if words == "" || words == "nothing" {
			t.Errorf("%#v has no %s: %q", s, what, words)
		}
	}
	if again, err := s.Fields().Scope(); again != s || err != nil {
		t.Errorf("%s by its fields: %s, %v", s, again, err)
	}
	if n := s.Fields().Named(); n != 1 {
		t.Errorf("%s: %d of its fields say something", s, n)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Errorf("%s has no JSON: %v", s, err)
	}
	var again keepsake.Scope
	if err := json.Unmarshal(text, &again); again != s || err != nil {
		t.Errorf("%s as %s: %s, %v", s, text, again, err)
	}
	is := 0
	for _, one := range []bool{s.WeddingID() != "", s.OrganizationID() != "", len(s.Tiers()) > 0,
		s.Kind() == keepsake.ScopeEverything} {
		if one {
			is++
		}
	}
	if is != 1 {
		t.Errorf("%s is %d kinds of scope", s, is)
	}
}

func TestScopeWords(t *testing.T) {
	t.Parallel()
	must := keepsake.MustScope
	for _, c := range []struct {
		in                        keepsake.Scope
		named                     string
		words, name, target, text string
		wide                      bool
		holds                     string
	}{
		{must(keepsake.WeddingScope("7")), "Lena & Anton", "the wedding Lena & Anton", "7", "7",
			`{"wedding":"7"}`, false, ""},
		{must(keepsake.WeddingScope("7")), "", "the wedding 7", "7", "7", `{"wedding":"7"}`, false, ""},
		{must(keepsake.OrganizationScope("a")), "Rosenhof", "the organization Rosenhof", "a", "organization a",
			`{"organization":"a"}`, false, ""},
		{must(keepsake.TierScope("high")), "x", "the high tier",
			"high tier", "tiers [high]", `{"tiers":["high"]}`, true, "high"},
		{must(keepsake.TierScope("high", "critical")), "", "the critical and high tiers", "critical and high tiers",
			"tiers [critical high]", `{"tiers":["critical","high"]}`, true, "critical high"},
		{must(keepsake.TierScope("standard", "high", "critical")), "", "the critical, high and standard tiers",
			"critical, high and standard tiers", "tiers [critical high standard]",
			`{"tiers":["critical","high","standard"]}`, true, "critical high standard"},
		{keepsake.Everything(), "x", "everything", "everything", "everything", `{"everything":true}`, true,
			"critical high standard none"},
	} {
		var holds []string
		for _, tier := range append(keepsake.Tiers(), "none") {
			if c.in.Holds(tier) {
				holds = append(holds, string(tier))
			}
		}
		text, err := json.Marshal(c.in)
		got := fmt.Sprint(c.in.Words(c.named), "|", c.in.Name(), "|", c.in.Target(),
			"|", string(text), "|", c.in.Wide(), "|", strings.Join(holds, " "))
		want := fmt.Sprint(c.words, "|", c.name, "|", c.target, "|", c.text, "|", c.wide, "|", c.holds)
		if got != want || err != nil {
			t.Errorf("got  %s (%v)\nwant %s", got, err, want)
		}
	}
}

// TestScopeOfNothingIsRefused: whoever forgets to name a scope is told, and writes none.
func TestScopeOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	var none keepsake.Scope
	if err := none.Check(); keepsake.CodeOf(err) != keepsake.CodeInvalid || err == nil || !none.IsZero() {
		t.Errorf("the check says %v", err)
	}
	if text, err := json.Marshal(none); err == nil {
		t.Errorf("it has a JSON: %s", text)
	}
	type row struct {
		Scope keepsake.Scope `json:"scope,omitzero"`
	}
	text, err := json.Marshal(row{})
	if string(text) != "{}" || err != nil {
		t.Errorf("a row without a scope: %s, %v", text, err)
	}
	if none.Wide() || none.Holds(keepsake.TierCritical) || none.Tiers() != nil || none.Kind() != "" {
		t.Error("it covers something")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustScope took it")
		}
	}()
	keepsake.MustScope(keepsake.TierScope())
}

// TestScopeReadsNoOtherJSON: what is no scope, or says more than a scope, is refused, and leaves what was there.
func TestScopeReadsNoOtherJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "null", "{}", "[]", `"everything"`, "7", `{"wedding":7}`, `{"wedding":""}`,
		`{"everything":false}`, `{"wedding":"7","organization":"a"}`, `{"wedding":"7","everything":true}`,
		`{"tiers":[]}`, `{"tiers":["gold"]}`, `{"tiers":"high"}`, `{"wedding":"7","since":"2027"}`,
		`{"wedding":"a\u0000b"}`, `{"wedding":"7"`, `{"wedding":"7"} {}`} {
		s := keepsake.Everything()
		if err := s.UnmarshalJSON([]byte(text)); err == nil || s != keepsake.Everything() {
			t.Errorf("%s was read as %s: %v", text, s, err)
		}
	}
}

func FuzzScopeJSON(f *testing.F) {
	for _, s := range []string{`{"wedding":"7"}`, `{"organization":"a"}`, `{"tiers":["high","critical"]}`,
		`{"everything":true}`, `{}`, `{"tiers":["gold"]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s keepsake.Scope
		if err := json.Unmarshal(text, &s); err != nil {
			if !s.IsZero() {
				t.Errorf("%q is refused, and is %s all the same", text, s)
			}
			return
		}
		roundTrips(t, s)
	})
}
