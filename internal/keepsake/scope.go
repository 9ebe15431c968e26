package keepsake

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// ScopeKind says which of the four things a scope is.
type ScopeKind string

// The kinds of scope.
const (
	ScopeWedding      ScopeKind = "wedding"      // the rows of one wedding
	ScopeOrganization ScopeKind = "organization" // the rows of one organization
	ScopeTiers        ScopeKind = "tiers"        // every table of some tiers
	ScopeEverything   ScopeKind = "everything"   // every table
)

// Scope is what a restore, a preview or an export covers: one wedding, one organization, tiers, or everything. Every
// layer hands on this value and has no shape of its own for it. Only the constructors make one, and they make no
// invalid one. The zero Scope covers nothing: Check refuses it, and it has no JSON. Two scopes are equal (==) when they
// cover the same.
//
// Where a scope goes to is no part of it: each goes into the live platform as well as into a new database.
type Scope struct {
	kind  ScopeKind
	id    string // of the wedding or of the organization
	tiers tierSet
}

// tierSet holds each tier at its rank, so that there is neither an order nor a repetition to get wrong.
type tierSet [3]bool

// WeddingScope returns the scope of the wedding with this key. For a key that no row can have it returns
// CodeNotFound.
func WeddingScope(id string) (Scope, error) {
	if !isKey(id) {
		return Scope{}, Errorf(CodeNotFound, "There is no such wedding.")
	}
	return Scope{kind: ScopeWedding, id: id}, nil
}

// OrganizationScope returns the scope of the organization with this key. For a key that no row can have it returns
// CodeNotFound.
func OrganizationScope(id string) (Scope, error) {
	if !isKey(id) {
		return Scope{}, Errorf(CodeNotFound, "There is no such organization.")
	}
	return Scope{kind: ScopeOrganization, id: id}, nil
}

// isKey reports whether PostgreSQL can hold a text at all, and the text says something.
func isKey(id string) bool { return id != "" && utf8.ValidString(id) && !strings.ContainsRune(id, 0) }

// TierScope returns the scope of every table of these tiers, of which there is at least one. All three tiers are not
// everything, because a recovery point may hold a table whose tier it does not know, which is in none of them.
func TierScope(tiers ...Tier) (Scope, error) {
	if len(tiers) == 0 {
		return Scope{}, Errorf(CodeInvalid, "Name at least one tier: critical, high or standard.")
	}
	s := Scope{kind: ScopeTiers}
	for _, name := range tiers {
		t, err := ParseTier(string(name))
		if err != nil {
			return Scope{}, err
		}
		s.tiers[t.Rank()] = true
	}
	return s, nil
}

// Everything returns the scope of every table.
func Everything() Scope { return Scope{kind: ScopeEverything} }

// MustScope returns a scope that is written in code. It panics where the constructor returned an error.
func MustScope(s Scope, err error) Scope {
	if err != nil {
		panic(fmt.Sprintf("a scope that is written in code is invalid: %v", err))
	}
	return s
}

// Check returns an error for the zero Scope.
func (s Scope) Check() error {
	if s.kind == "" {
		return errNotOneScope()
	}
	return nil
}

func errNotOneScope() error {
	return Errorf(CodeInvalid, "Name one scope: one wedding, one organization, tiers, or everything.")
}

// IsZero reports whether the scope is the zero Scope, which covers nothing. The JSON option omitzero calls it.
func (s Scope) IsZero() bool { return s.kind == "" }

// Kind returns which of the four the scope is, or "" for the zero Scope.
func (s Scope) Kind() ScopeKind { return s.kind }

// WeddingID returns the key of the wedding, or "" where the scope is no wedding.
func (s Scope) WeddingID() string {
	if s.kind != ScopeWedding {
		return ""
	}
	return s.id
}

// OrganizationID returns the key of the organization, or "" where the scope is no organization.
func (s Scope) OrganizationID() string {
	if s.kind != ScopeOrganization {
		return ""
	}
	return s.id
}

// Tiers returns the tiers of a scope of tiers, most urgent first, or nil where the scope is something else.
func (s Scope) Tiers() (list []Tier) {
	for _, t := range Tiers() {
		if s.tiers[t.Rank()] {
			list = append(list, t)
		}
	}
	return list
}

// Holds reports whether the scope covers a table of this tier as a whole.
func (s Scope) Holds(t Tier) bool {
	return s.kind == ScopeEverything || slices.Contains(s.Tiers(), t)
}

// Wide reports whether the scope is whole tables. The rows of other scopes are found along foreign keys.
func (s Scope) Wide() bool { return s.kind == ScopeTiers || s.kind == ScopeEverything }

// Name returns what people call the scope where no row tells its name, and what a person types to confirm it:
// "everything", "critical tier", "critical and high tiers", or the key.
func (s Scope) Name() string {
	switch s.kind {
	case ScopeEverything:
		return "everything"
	case ScopeTiers:
		tiers := s.Tiers()
		words := make([]string, len(tiers))
		for i, t := range tiers {
			words[i] = string(t)
		}
		last := len(words) - 1
		if last == 0 {
			return words[0] + " tier"
		}
		return strings.Join(words[:last], ", ") + " and " + words[last] + " tiers"
	}
	return s.id
}

// Words says in a sentence what the scope covers: "the wedding Lena & Anton", "the critical and high tiers",
// "everything". name is the name of the wedding or the organization, or "" where it is not known.
func (s Scope) Words(name string) string {
	switch s.kind {
	case ScopeWedding:
		return "the wedding " + cmp.Or(name, s.id)
	case ScopeOrganization:
		return "the organization " + cmp.Or(name, s.id)
	case ScopeTiers:
		return "the " + s.Name()
	case ScopeEverything:
		return "everything"
	}
	return "nothing"
}

// String returns Words without a name, for logs and tests.
func (s Scope) String() string { return s.Words("") }

// Target returns the name that the audit trail has for the scope. That of a wedding is its bare key. That of any
// other scope also says what it is.
func (s Scope) Target() string {
	switch s.kind {
	case ScopeOrganization:
		return "organization " + s.id
	case ScopeTiers:
		return fmt.Sprintf("tiers %v", s.Tiers())
	case ScopeEverything:
		return "everything"
	}
	return s.id
}

// ScopeFields name a scope in a request, in flags or in a stored row. Exactly one of them is set. A type of another
// package with the same fields converts to it, whatever its tags are.
type ScopeFields struct {
	WeddingID      string `json:"wedding,omitempty"`
	OrganizationID string `json:"organization,omitempty"`
	Tiers          []Tier `json:"tiers,omitempty"`
	Everything     bool   `json:"everything,omitempty"`
}

// Named returns how many of the fields are set.
func (f ScopeFields) Named() (n int) {
	for _, is := range []bool{f.WeddingID != "", f.OrganizationID != "", len(f.Tiers) > 0, f.Everything} {
		if is {
			n++
		}
	}
	return n
}

// Scope returns the scope that the fields name. Where none is set, or more than one, it returns CodeInvalid.
func (f ScopeFields) Scope() (Scope, error) {
	switch {
	case f.Named() != 1:
		return Scope{}, errNotOneScope()
	case f.WeddingID != "":
		return WeddingScope(f.WeddingID)
	case f.OrganizationID != "":
		return OrganizationScope(f.OrganizationID)
	case f.Everything:
		return Everything(), nil
	}
	return TierScope(f.Tiers...)
}

// Fields returns the fields that name the scope.
func (s Scope) Fields() ScopeFields {
	return ScopeFields{
		WeddingID:      s.WeddingID(),
		OrganizationID: s.OrganizationID(),
		Tiers:          s.Tiers(),
		Everything:     s.kind == ScopeEverything,
	}
}

// MarshalJSON writes the one field that is set: {"wedding":"7"}, {"tiers":["critical","high"]}. The zero Scope is an
// error. A field that may have none needs the option omitzero.
func (s Scope) MarshalJSON() ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	return json.Marshal(s.Fields())
}

// UnmarshalJSON reads what MarshalJSON wrote. It refuses a field that it does not know, because that field might make
// the scope smaller.
func (s *Scope) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f ScopeFields
	if err := d.Decode(&f); err != nil {
		return Errorf(CodeInvalid, "This is no scope: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Errorf(CodeInvalid, "This is no scope: something follows it.")
	}
	scope, err := f.Scope()
	if err != nil {
		return err
	}
	*s = scope
	return nil
}
