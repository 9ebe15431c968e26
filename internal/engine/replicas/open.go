package replicas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// askTimeout bounds the first question to a provider, so that one that hangs cannot keep an operation from starting.
	askTimeout = 20 * time.Second
	// askGrace is how much longer the others may take once a provider has answered with the repository's header.
	askGrace = 8 * time.Second
	// hungGrace is the same for a provider that hung lately,
	// for what does not write a recovery point; hungFor is how lately.
	hungGrace = time.Second
	hungFor   = 2 * time.Minute
)

// Repo is an unlocked repository, with what its providers answered when it was opened.
type Repo struct {
	Keys      *repository.Keyring
	Header    []byte
	Providers []Provider       // every configured one
	Down      map[string]error // those that may not be used now, by name
	Lacking   map[string]bool  // those that hold no repository, or whose place is not there
	// Unproven are providers that hold the repository and do not prove to be the right ones. They are in Down too.
	Unproven map[string]bool
	// Blurred are those of them whose damaged identity still names them, so that a repair may make it anew.
	Blurred map[string]bool

	Identities map[string]identityOf // of those that prove it
}

func newRepo(providers []Provider) *Repo {
	return &Repo{
		Providers:  providers,
		Down:       map[string]error{},
		Lacking:    map[string]bool{},
		Unproven:   map[string]bool{},
		Blurred:    map[string]bool{},
		Identities: map[string]identityOf{},
	}
}

// Live returns the providers that hold this repository and prove to be the right ones, the preferred one first.
func (r *Repo) Live() []Provider {
	var live []Provider
	for _, p := range r.Providers {
		if r.Down[p.Name] == nil && !r.Lacking[p.Name] {
			live = append(live, p)
		}
	}
	return live
}

// Open asks every provider for the repository's header and unlocks it. It leaves out a provider that cannot be asked,
// and one whose header is damaged or another repository's. Where it finds no repository, it returns the error with a
// Repo that says what the providers answered.
func (s *Set) Open(ctx context.Context) (*Repo, error) { return s.openAt(ctx, s.Providers) }

// openAt is open for some of the providers.
func (s *Set) openAt(ctx context.Context, providers []Provider) (*Repo, error) {
	if s.WritesOnly() {
		return nil, repository.ErrWritesOnly()
	}
	return s.openWith(ctx, providers, true)
}

// OpenToSeal does what Open does for an operation that writes a recovery point. It also takes a writer's key, and
// waits longer for a provider that hung lately.
func (s *Set) OpenToSeal(ctx context.Context, providers []Provider) (*Repo, error) {
	return s.openWith(ctx, providers, false)
}

func (s *Set) openWith(ctx context.Context, providers []Provider, remember bool) (*Repo, error) {
	r := newRepo(s.attend(providers))
	if len(providers) == 0 {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"no storage provider is configured: add at least one under providers")
	}
	answers := s.askPlaces(ctx, r.Providers, remember, nil)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := s.judgeHeaders(r, answers); err != nil {
		return nil, err
	}
	if r.Keys == nil {
		return r, noRepository(ctx, r)
	}
	r.judgeIdentities(answers)
	r.explainLacking()
	return r, nil
}

// noRepository says why there is nothing to open.
// Manifests without a header are a loss, and no place for a new repository.
func noRepository(ctx context.Context, r *Repo) error {
	if broken := r.broken(); broken != nil {
		return broken
	}
	for _, p := range r.Providers {
		if !r.Lacking[p.Name] {
			continue
		}
		found := errors.New("found")
		err := p.Store.List(ctx, repository.ManifestPrefix, func(storage.Object) error { return found })
		if errors.Is(err, found) {
			return keepsake.Errorf(keepsake.CodeDamaged,
				"provider %s holds recovery points, but %s is missing there and nowhere else to be had: "+
					"without it nothing can be opened; "+
					"every provider has the same file, so bring it back from any copy of any of them",
				p.Name, repository.HeaderKey)
		}
	}
	if len(r.Lacking) == len(r.Providers) {
		if missing := r.whyDown(); missing != "" {
			return keepsake.Errorf(keepsake.CodeNotFound,
				"there is no repository at any provider. If there never was one, run keepsake init. %s", missing)
		}
		return keepsake.Errorf(keepsake.CodeNotFound, "there is no repository at any provider yet: run keepsake init")
	}
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"no provider that holds the repository can be reached. %s", r.whyDown())
}

// whyDown says of each provider that may not be used why.
func (r *Repo) whyDown() string {
	var lines []string
	for _, p := range r.Providers {
		if err := r.Down[p.Name]; err != nil {
			lines = append(lines, "Provider "+p.Name+": "+Explain(err))
		}
	}
	return strings.Join(lines, " ")
}

// answer is what one place holds of the repository's header and of its own identity.
type answer struct {
	header, identity       []byte
	headerErr, identityErr error
}

func askPlace(ctx context.Context, p Provider) (a answer) {
	a.header, a.headerErr = p.Store.Get(ctx, repository.HeaderKey, repository.MaxHeaderSize)
	// Afterwards, as it is written after the header by an init that may be running.
	a.identity, a.identityErr = p.Store.Get(ctx, storage.IdentityKey, repository.MaxIdentitySize)
	return a
}

func notHeard(d time.Duration) answer {
	err := &storage.SilentError{For: d, Doing: "it was asked for " + repository.HeaderKey}
	return answer{headerErr: err, identityErr: err}
}

// askPlaces asks all providers at once. Once one has the header, the others are not waited for as long as they like,
// and not at all once the answers that came are enough; nil: they never are.
func (s *Set) askPlaces(ctx context.Context, providers []Provider, remember bool, enough func([]answer) bool) []answer {
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	type numbered struct {
		answer
		i int
	}
	came := make(chan numbered, len(providers))
	answers, waiting := make([]answer, len(providers)), map[int]context.CancelFunc{}
	started := time.Now()
	for i, p := range providers {
		asking, giveUp := context.WithCancel(bounded)
		waiting[i] = giveUp
		go func() { came <- numbered{askPlace(asking, p), i} }()
	}
	stop := func(i int) {
		waiting[i]()
		delete(waiting, i)
	}
	var grace, short <-chan time.Time
	for len(waiting) > 0 {
		select {
		case n := <-came:
			if waiting[n.i] == nil {
				continue // it was left out
			}
			answers[n.i] = n.answer
			stop(n.i)
			if n.headerErr == nil {
				s.heardOf(providers[n.i].Name)
			}
			if n.headerErr == nil && grace == nil {
				grace, short = time.After(s.grace()), time.After(min(hungGrace, s.grace()))
			}
			if enough != nil && enough(answers) {
				for i := range waiting {
					answers[i] = notHeard(time.Since(started))
				}
				return answers
			}
			continue
		case <-short:
			if !remember {
				continue
			}
		case <-grace:
		case <-bounded.Done():
		}
		if ctx.Err() != nil { // whoever asked waits no longer, which says nothing of the providers
			return answers
		}
		for i := range waiting {
			if p := providers[i]; bounded.Err() != nil || time.Since(started) > s.grace() || s.hungLately(p.Name) {
				answers[i] = notHeard(time.Since(started))
				s.hung(p.Name)
				stop(i)
			}
		}
	}
	return answers
}

// errOtherHeader is what PutHeader returns when somebody else put another header first.
var errOtherHeader = errors.New("another repository was made there at the same moment; give the provider an empty " +
	"place, or run keepsake init again with that repository's key")

// PutHeader writes the repository's header to a provider that lacks it.
func PutHeader(ctx context.Context, p Provider, header []byte) error {
	err := p.Store.Put(ctx, repository.HeaderKey, header, sha256.Sum256(header), false)
	if errors.Is(err, storage.ErrExists) {
		var there []byte
		if there, err = p.Store.Get(ctx, repository.HeaderKey, repository.MaxHeaderSize); err == nil &&
			!bytes.Equal(there, header) {
			return errOtherHeader
		}
	}
	if err != nil {
		return err
	}
	return p.Store.Sync(ctx)
}
