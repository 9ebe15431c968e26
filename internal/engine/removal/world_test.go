package removal_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wedsync/keepsake/internal/engine/removal"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// secrets are the vectors' repository: its ids are the same in every run, and so are histories.
type secrets struct {
	header      []byte
	key, writer keepsake.Secret
	keys        *repository.Keyring
}

func readSecrets(t *testing.T) secrets {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("..", "repository", "testdata", "v1", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var v struct{ Key string }
	if err := json.Unmarshal(read("vectors.json"), &v); err != nil {
		t.Fatal(err)
	}
	s := secrets{header: read("repository/keepsake.json"), key: keepsake.Secret(v.Key)}
	h, err := repository.ParseHeader(s.header)
	if err == nil {
		s.keys, err = h.Unlock(repository.KeySource{Key: s.key})
	}
	if err == nil {
		s.writer, err = s.keys.WriterKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.warm(t)
	return s
}

// warm makes what sealing and opening share in a process, which lives longer than the bubble of a history.
func (s secrets) warm(t *testing.T) {
	t.Helper()
	plain := bytes.Repeat([]byte("rows "), 1000)
	var ref repository.Ref
	var sealed []byte
	for i := range 32 {
		var err error
		if ref, err = s.keys.Name(repository.ObjectChunk, plain, nil); err == nil && i < 16 {
			sealed, err = s.keys.Seal(nil, &ref, plain, repository.Thorough)
		} else if err == nil {
			_, err = s.keys.Open(nil, &ref, sealed)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

const (
	machines = 3 // the last one has a writer's key
	places   = 3 // the last one is added later
)

// world is the providers, and whoever works with them. One call reaches a provider at a time: the one that the history
// lets go.
type world struct {
	secrets
	begin time.Time
	now   time.Duration           // true time since begin
	skew  [machines]time.Duration // of each machine's clock
	sets  [machines]*replicas.Set // what a machine remembers from one operation to the next
	knows [machines]int           // how many providers its configuration names

	mu     sync.Mutex
	places []*place
	actors []*actor
	copies []*copyAt                // of recovery points that their backups were told to be published
	namers map[string][]string      // by recovery point that was published or tried: the objects that it names
	stored map[string]*actor        // who has put a manifest, by recovery point
	came   map[string]time.Duration // when an object was first put anywhere
	had    []contents               // of the platform, at each backup
	log    []string
	wrong  string // the first thing that must not be
	skewed bool   // some clock was ever wrong
	rolled bool   // some provider was ever set back
}

// place is one provider.
type place struct {
	name    string
	mem     *storagetest.Mem
	down    bool
	before  []map[string][]byte // earlier states
	setBack int                 // after how many actors it was last set back; -1: never
}

// copyAt is one provider's copy of a recovery point.
type copyAt struct {
	point string
	at    *place
	refs  map[string]bool
	gone  bool // somebody who may has begun to delete its manifest, or the provider was set back
}

// actor is one process: a backup or a removal.
type actor struct {
	id      int
	name    string
	machine int
	began   time.Duration
	cancel  context.CancelFunc
	waiting []*call
	points  []string // that it may remove; nil for backups
	known   []string // that it knows to be there
	dead    bool
	ended   bool
	err     error
	result  removal.Result
	deaf    map[string]bool            // folders of which it can read nothing
	listed  map[*place]map[string]bool // manifests, when it listed them last
	unsure  map[*place]bool            // set back while a removal ran that runs still
}

// call is a storage call that has not reached its provider yet.
type call struct {
	verb, key string
	at        *place
	since     time.Duration
	verdict   chan verdict
}

type verdict struct {
	lost  bool // it does not reach the provider
	error error
	short bool // of a list: not all of it comes
}

var (
	errKilled = errors.New("the process was killed")
	errAway   = errors.New("the provider is away")
	errLost   = errors.New("the connection was lost")
)

func newWorld(t *testing.T, s secrets) *world {
	w := &world{
		secrets: s,
		begin:   time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC),
		namers:  map[string][]string{},
		stored:  map[string]*actor{},
		came:    map[string]time.Duration{},
	}
	for i := range places {
		p := &place{name: string('a' + rune(i)), mem: storagetest.NewMem(), setBack: -1}
		identity, err := s.keys.NewIdentity(p.name, w.begin)
		if err != nil {
			t.Fatal(err)
		}
		body, err := identity.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for key, body := range map[string][]byte{repository.HeaderKey: s.header, storage.IdentityKey: body} {
			if err := p.mem.Put(t.Context(), key, body, sha256.Sum256(body), false); err != nil {
				t.Fatal(err)
			}
		}
		w.places = append(w.places, p)
	}
	for m := range machines {
		w.knows[m] = places - 1
		w.restart(m)
	}
	return w
}

// restart gives a machine a new process, which remembers nothing.
func (w *world) restart(machine int) {
	s := &replicas.Set{Key: repository.KeySource{Key: w.key}, Now: func() time.Time { return w.clock(machine) }}
	if machine == machines-1 {
		s.Key = repository.KeySource{Writer: w.writer}
	}
	for _, p := range w.places[:w.knows[machine]] {
		s.Providers = append(s.Providers, replicas.Provider{Name: p.name, Store: &door{w, p}})
	}
	w.sets[machine] = s
}

func (w *world) clock(machine int) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begin.Add(w.now + w.skew[machine])
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%6.1fh ", w.now.Hours())+fmt.Sprintf(format, args...))
}

// fail notes what must not be. The lock is held.
func (w *world) fail(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
		w.note("WRONG: %s", w.wrong)
	}
}

type actorKey struct{}

// start lets an actor begin.
func (w *world) start(machine int, name string, points []string, do func(ctx context.Context, a *actor) error) *actor {
	a := &actor{id: len(w.actors), machine: machine, began: w.now, points: points}
	a.deaf, a.unsure, a.listed = map[string]bool{}, map[*place]bool{}, map[*place]map[string]bool{}
	a.name = fmt.Sprintf("%s %d", name, a.id)
	for _, other := range w.actors {
		for _, p := range w.places {
			if !other.ended && other.id < p.setBack {
				a.unsure[p] = true
			}
		}
	}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), actorKey{}, a))
	a.cancel = cancel
	w.actors = append(w.actors, a)
	go func() {
		defer cancel()
		err := do(ctx, a)
		w.mu.Lock()
		defer w.mu.Unlock()
		a.ended, a.err = true, err
		if err != nil && !a.dead {
			w.note("%s: %v", a.name, err)
		}
	}()
	synctest.Wait()
	return a
}

// holds returns all that a provider holds below a prefix.
func (p *place) holds(prefix string) map[string]bool {
	found := map[string]bool{}
	_ = p.mem.List(context.Background(), prefix, func(o storage.Object) error { found[o.Key] = true; return nil })
	return found
}

// manifests are the ids of what any provider lists, the newest first.
func (w *world) manifests() []string {
	all := map[string]bool{}
	for _, p := range w.places {
		maps.Copy(all, p.holds(repository.ManifestPrefix))
	}
	ids := slices.Sorted(maps.Keys(all))
	slices.Reverse(ids)
	for i := range ids {
		ids[i] = strings.TrimPrefix(ids[i], repository.ManifestPrefix)
	}
	return ids
}
