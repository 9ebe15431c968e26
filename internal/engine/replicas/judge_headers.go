package replicas

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// claim is a repository that the key opens, and the providers whose headers prove to be its own.
type claim struct {
	keys   *repository.Keyring
	header []byte
	at     map[string]bool
	first  string // the preferred one of them
}

// judgeHeaders finds out which repository the providers hold and unlocks it. Nothing that a header says of itself is
// believed: what most of the headers that the key opens are of is the repository, and each other header is proven by
// its MAC. One that is not proven is damaged, or another repository's; neither keeps the other providers from being
// used. Without a header that opens, keys stays nil; it is an error when the key is the wrong one, or the headers do
// not tell which repository is meant.
func (s *Set) judgeHeaders(r *Repo, answers []answer) error {
	headers := r.parseHeaders(answers)
	claims, wrongKey, err := s.claims(r, headers, answers)
	if err != nil {
		return err
	}
	if len(claims) == 0 {
		return r.nothingOpens(wrongKey)
	}
	most := claims[0]
	for _, c := range claims[1:] {
		if len(c.at) > len(most.at) {
			most = c
		}
	}
	for _, c := range claims {
		if c != most && len(c.at) == len(most.at) {
			return keepsake.Errorf(keepsake.CodeInvalid,
				"provider %s holds another repository than %s, the key opens both, and no other "+
					"provider tells which is meant: give the wrong one an empty place of its own", c.first, most.first)
		}
	}
	r.Keys, r.Header = most.keys, most.header
	for i, p := range r.Providers {
		if h := headers[i]; h != nil && !most.at[p.Name] {
			r.Down[p.Name] = r.judgeOther(p, *h, answers[i], claims)
		}
		if keepsake.CodeOf(r.Down[p.Name]) == keepsake.CodeUnsupported &&
			repository.ProveMisnumbered(answers[i].header, r.Keys) {
			r.Down[p.Name] = keepsake.Errorf(keepsake.CodeDamaged,
				"The repository's header %s is damaged: its format version was changed.", repository.HeaderKey)
		}
	}
	return nil
}

// parseHeaders reads the headers that came, and writes down of each other provider why there is none.
func (r *Repo) parseHeaders(answers []answer) []*repository.Header {
	headers := make([]*repository.Header, len(r.Providers))
	for i, p := range r.Providers {
		switch err := answers[i].headerErr; {
		case errors.Is(err, storage.ErrNoPlace):
			r.Lacking[p.Name], r.Down[p.Name] = true, err
		case errors.Is(err, storage.ErrNotFound):
			r.Lacking[p.Name] = true
		case err != nil:
			r.Down[p.Name] = err
		default:
			h, err := repository.ParseHeader(answers[i].header)
			if err != nil {
				r.Down[p.Name] = err
				continue
			}
			headers[i] = &h
		}
	}
	return headers
}

// claims opens every header that is not proven by the keys of one before. wrongKey are the providers whose headers it
// fits no slot of, with what is to be said of that.
func (s *Set) claims(r *Repo, headers []*repository.Header, answers []answer) (claims []*claim,
	wrongKey map[string]error, err error) {
	wrongKey = map[string]error{}
next:
	for i, p := range r.Providers {
		h := headers[i]
		if h == nil {
			continue
		}
		for _, c := range claims {
			if h.Prove(c.keys) == nil {
				c.at[p.Name] = true
				continue next
			}
		}
		keys, err := h.Unlock(s.Key)
		switch keepsake.CodeOf(err) {
		case keepsake.CodeDamaged:
			r.Down[p.Name] = err
			continue
		case keepsake.CodeWrongKey:
			wrongKey[p.Name] = err
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		written, _ := h.Written(answers[i].header)
		claims = append(claims, &claim{
			keys:   keys,
			header: written,
			at:     map[string]bool{p.Name: true},
			first:  p.Name,
		})
	}
	// a header whose own slot is damaged, or older, may have come before the one that proves it
	for i, p := range r.Providers {
		for _, c := range claims {
			if wrongKey[p.Name] != nil && headers[i].Prove(c.keys) == nil {
				c.at[p.Name] = true
			}
		}
	}
	return claims, wrongKey, nil
}

// judgeOther says what a header is that the repository's keys do not prove: damaged, or another repository's. Where it
// names another one, only the place's identity can tell.
func (r *Repo) judgeOther(p Provider, h repository.Header, a answer, claims []*claim) error {
	foreign := placeError(fmt.Sprintf("It holds another repository (%s) than the other providers (%s), so nothing is "+
		"written there. Correct its path or "+
		"bucket, or give it an empty place of its own.", h.Repository, r.Keys.Repository()))
	for _, c := range claims {
		if c.at[p.Name] {
			return foreign
		}
	}
	if h.Repository != r.Keys.Repository() {
		_, err := r.identity(p, a)
		if err != nil {
			return foreign
		}
	}
	return keepsake.Errorf(keepsake.CodeDamaged,
		"The repository's header %s is damaged: it is another one than at the other providers, and was "+
			"not made by this repository's key.", repository.HeaderKey)
}

// nothingOpens is why no header could be opened where the key fits none of those that can be read.
func (r *Repo) nothingOpens(wrongKey map[string]error) error {
	var at []string
	var first error
	for _, p := range r.Providers {
		if err := wrongKey[p.Name]; err != nil {
			at = append(at, p.Name)
			first = firstError(first, err)
		}
	}
	if first == nil {
		return nil
	}
	where := "provider "
	if len(at) > 1 {
		where = "providers "
	}
	others := r.whyDown()
	if others != "" {
		others = " " + others
	}
	return keepsake.Errorf(keepsake.CodeOf(first), "%s%s: %w %s", where, strings.Join(at, ", "), first, others)
}

// broken is the error about a header that cannot be opened because it is damaged, or of a newer version; nil where
// there is none.
func (r *Repo) broken() error {
	for _, p := range r.Providers {
		switch err := r.Down[p.Name]; keepsake.CodeOf(err) {
		case keepsake.CodeDamaged, keepsake.CodeUnsupported:
			return keepsake.Errorf(keepsake.CodeOf(err), "provider %s: %w", p.Name, err)
		}
	}
	return nil
}
