package replicas

import (
	"context"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// Beside recovery points, a repository holds what restores need to be taken back, and notes: seals of the audit trail,
// who may sign in, what people wrote to recovery points. They are durable at two providers when they are made; a repair
// brings them to every one.

// UndoPrefix is the folder of undo objects.
const UndoPrefix = "undo/"

// MaxUndo is the largest size of a sealed undo object, in bytes.
const MaxUndo = 256 << 20

// ObjectKind is one kind of object beside recovery points.
type ObjectKind struct {
	Prefix string
	kind   repository.ObjectKind
	most   int64 // bytes, sealed
	plain  int64 // bytes, opened
	AtOnce int
	what   string
	// Alone says what is lost with the last copy.
	Alone string
	named func(key string) bool                                        // nil: the name ends with an id like a manifest's
	open  func(k *repository.Keyring, key string, sealed []byte) error // nil: that it opens is enough
}

// The kinds of objects beside recovery points.
var (
	UndoObjects = ObjectKind{
		Prefix: UndoPrefix,
		kind:   repository.ObjectUndo,
		most:   MaxUndo,
		plain:  repository.MaxObjectPlain,
		AtOnce: 1,
		what:   "what an undo needs",
		Alone:  "the restore cannot be taken back any more",
	}
	NoteObjects = ObjectKind{
		Prefix: NotePrefix,
		kind:   repository.ObjectNote,
		most:   MaxNote,
		plain:  MaxNote,
		AtOnce: notesAtOnce,
		what:   "notes",
		Alone:  "a new console database will not know what it says",
	}
	// ErasureObjects say which rows were taken out of the repository.
	ErasureObjects = ObjectKind{
		Prefix: repository.ErasurePrefix,
		kind:   repository.ObjectErasure,
		most:   maxErasure,
		plain:  repository.MaxObjectPlain,
		AtOnce: 1,
		what:   "erasures",
		Alone:  "nobody can say which rows its recovery points still have",
		open: func(k *repository.Keyring, key string, sealed []byte) error {
			_, err := k.OpenErasure(key, sealed)
			return err
		},
	}
	// ChangeObjects are pieces of the stream of changes between snapshots.
	ChangeObjects = ObjectKind{
		Prefix: repository.ChangePrefix,
		kind:   repository.ObjectChange,
		most:   maxChange,
		plain:  repository.MaxObjectPlain,
		AtOnce: 1,
		what:   "change segments",
		Alone:  "no moment after it can be restored before the next snapshot",
		named: func(key string) bool {
			_, err := repository.ParseChangeKey(key)
			return err == nil
		},
		open: func(k *repository.Keyring, key string, sealed []byte) error {
			_, err := k.OpenChange(key, sealed)
			return err
		},
	}
)

// maxChange bounds a change segment, in bytes, sealed.
const maxChange = 256 << 20

// ObjectKinds are all kinds of objects beside recovery points: what is verified, and repaired.
func ObjectKinds() []ObjectKind {
	return []ObjectKind{UndoObjects, NoteObjects, ErasureObjects, ChangeObjects}
}

// Named reports whether a key is one that Keepsake gives to such an object.
func (k ObjectKind) Named(key string) bool {
	if k.named != nil {
		return k.named(key)
	}
	_, err := repository.ManifestTime(key[strings.LastIndexByte(key, '/')+1:])
	return err == nil
}

// Objects are all objects of one kind, with the providers that have each.
type Objects struct {
	ObjectKind
	At     map[string][]Provider
	Failed map[string]error           // providers that could not be asked
	Bad    map[string]map[string]bool // by key, the providers whose copy was read and is not sound
}

// Distrust records that a provider's copy was read and is not sound.
func (s *Objects) Distrust(provider, key string) {
	if s.Bad == nil {
		s.Bad = map[string]map[string]bool{}
	}
	if s.Bad[key] == nil {
		s.Bad[key] = map[string]bool{}
	}
	s.Bad[key][provider] = true
}

// ListObjects asks every provider in use which objects of a kind it has.
func ListObjects(ctx context.Context, r *Repo, k ObjectKind) *Objects {
	s := &Objects{ObjectKind: k}
	s.At, s.Failed = ListEverywhere(ctx, r.Live(), k.Prefix, k.Named)
	return s
}

// Read returns the first sound copy, or nil where none opens. Such an object was not made by this repository, or is
// lost.
func (s *Objects) Read(ctx context.Context, r *Repo, key string) (body []byte, err error) {
	q := FirstSound[[]byte]{What: s.what}
	q.Ask = func(ctx context.Context, p Provider) ([]byte, error) { return p.Store.Get(ctx, key, s.most) }
	q.Sound = func(_ Provider, found []byte) error {
		if err := s.opens(r, key, found); err != nil {
			return err
		}
		body = found
		return nil
	}
	q.Failed = func(_ Provider, failed error) {
		if !isDamage(failed) {
			err = failed
		}
	}
	if q.Read(ctx, s.At[key]) {
		return body, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, err
}

// ReadAt reads one provider's copy. The error says why it is not sound.
func (k ObjectKind) ReadAt(ctx context.Context, r *Repo, p Provider, key string) (body []byte, err error) {
	if body, err = p.Store.Get(ctx, key, k.most); err == nil {
		err = k.opens(r, key, body)
	}
	return body, err
}

// opens returns why an object is no sound one of its kind.
func (k ObjectKind) opens(r *Repo, key string, sealed []byte) error {
	if k.open != nil {
		return k.open(r.Keys, key, sealed)
	}
	_, err := r.Keys.OpenObject(k.kind, key, sealed, int(k.plain))
	return err
}
