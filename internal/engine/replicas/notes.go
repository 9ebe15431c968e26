package replicas

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// NotePrefix begins the names of all notes.
	NotePrefix = "notes/"
	// MaxNote is the largest size of a sealed note, in bytes.
	MaxNote = 4 << 20
)

// Kept says which providers hold a note, and of each other one why it does not.
type Kept struct {
	At      []string          // in order of preference
	Missing map[string]string // provider → why, in words. The next note goes there, and repair copies this one
	// Unasked are providers that could not be asked for their notes, and why, in words. A newer one that lies there, of a
	// process whose clock is ahead, holds in this one's place.
	Unasked map[string]string
}

// String says it in one line: "kept at disk and s3. Provider gcs has not got it yet. Its directory …".
func (k Kept) String() string {
	text := "kept at " + strings.Join(k.At, " and ")
	for _, name := range slices.Sorted(maps.Keys(k.Missing)) {
		text += ". Provider " + name + " has not got it yet. " + strings.TrimSuffix(keepsake.Sentence(k.Missing[name]), ".")
	}
	for _, name := range slices.Sorted(maps.Keys(k.Unasked)) {
		text += ". Provider " + name + " could not be asked whether it has a newer one, which would hold in its place. " +
			strings.TrimSuffix(keepsake.Sentence(k.Unasked[name]), ".")
	}
	return text
}

// whyMissing says of each provider that does not hold the note why.
func (k Kept) whyMissing() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(k.Missing)) {
		all = append(all, "Provider "+name+": "+k.Missing[name])
	}
	return strings.Join(all, " ")
}

// KeepNote seals a small fact that must outlive the console database, and stores it at every provider that can be
// reached. Of each topic the newest note is valid. KeepNote writes nothing where the newest note says the same
// already and no provider may hold a newer one that says something else. It returns an error only when no provider
// holds the note afterwards.
func (s *Set) KeepNote(ctx context.Context, topic string, plain []byte) (Kept, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return Kept{}, err
	}
	return s.keepNote(ctx, r, topic, plain)
}

// outage is what a note said that was kept while providers were away,
// so that it is not written again and again meanwhile.
type outage struct {
	sum     [sha256.Size]byte
	since   string          // every provider but the missing ones has the note under this id or a later one
	missing map[string]bool // they have nothing that is later, as far as this process knows
}

func (s *Set) keepNote(ctx context.Context, r *Repo, topic string, plain []byte) (Kept, error) {
	if len(r.Live()) == 0 {
		return Kept{}, r.NobodyWrites("nothing was noted")
	}
	holds, newest, unasked := s.whoHolds(ctx, r, topic, plain)
	id := repository.NextID(s.Now(), newest)
	key := NotePrefix + topic + "/" + id
	body, err := r.Keys.SealObject(repository.ObjectNote, key, plain)
	if err != nil {
		return Kept{}, err
	}
	var lacking []Provider
	for _, p := range r.Live() {
		if holds[p.Name] == "" {
			lacking = append(lacking, p)
		}
	}
	_, failed := PutEverywhere(ctx, lacking, key, body)
	kept := Kept{Missing: map[string]string{}, Unasked: map[string]string{}}
	away := outage{sum: sha256.Sum256(plain), since: id, missing: map[string]bool{}}
	for _, p := range r.Providers {
		switch err := cmp.Or(r.Down[p.Name], failed[p.Name]); {
		case err != nil:
			kept.Missing[p.Name] = Explain(err)
			away.missing[p.Name] = true
		case !r.Lacking[p.Name]:
			kept.At = append(kept.At, p.Name)
			if err := unasked[p.Name]; err != nil {
				kept.Unasked[p.Name] = Explain(err)
			}
			away.since = min(away.since, cmp.Or(holds[p.Name], id))
		}
	}
	if len(kept.At) == 0 {
		return kept,
			cmp.Or(ctx.Err(), error(keepsake.Errorf(keepsake.CodeUnavailable,
				"no provider took the note. %s", kept.whyMissing())))
	}
	s.remember(topic, away)
	return kept, nil
}

// whoHolds returns the providers that need not be given a note again, and under which id they have it. A provider needs
// it whose newest note says the same, but may be older than another provider's that says something else: the other one
// would hold. One that cannot be asked may have such a note, unless it was away already when this one was kept. It also
// returns the last id that any provider lists, and those that could not be asked.
func (s *Set) whoHolds(ctx context.Context, r *Repo, topic string, plain []byte) (holds map[string]string, last string,
	unasked map[string]error) {
	live := r.Live()
	newest, lasts, errs := make([]*Note, len(live)), make([]string, len(live)), make([]error, len(live))
	var g errgroup.Group
	for i, p := range live {
		g.Go(func() error {
			newest[i], lasts[i], errs[i] = newestAt(ctx, r, p, topic)
			return nil
		})
	}
	_ = g.Wait()
	away := s.outage(topic, plain)
	holds, unasked = map[string]string{}, map[string]error{}
	other, unknown := "", false // the newest id of those that say something else
	for name := range r.Down {
		unknown = unknown || !away.missing[name]
	}
	for i, p := range live {
		switch {
		case errs[i] != nil:
			unknown = unknown || !away.missing[p.Name]
			unasked[p.Name] = errs[i]
		case newest[i] != nil && !bytes.Equal(newest[i].Plain, plain):
			other = max(other, newest[i].ID)
		}
	}
	for i, p := range live {
		last = max(last, lasts[i])
		if n := newest[i]; n != nil && bytes.Equal(n.Plain, plain) && n.ID > other && n.ID >= away.since && !unknown {
			holds[p.Name] = n.ID
		}
	}
	return holds, last, unasked
}

// outage returns what is known of the providers that were away when plain was kept; nothing where another text was.
func (s *Set) outage(topic string, plain []byte) outage {
	s.outagesMu.Lock()
	defer s.outagesMu.Unlock()
	if away := s.outages[topic]; away.sum == sha256.Sum256(plain) {
		return away
	}
	return outage{}
}

func (s *Set) remember(topic string, away outage) {
	s.outagesMu.Lock()
	defer s.outagesMu.Unlock()
	delete(s.outages, topic)
	if len(away.missing) == 0 {
		return
	}
	if s.outages == nil {
		s.outages = map[string]outage{}
	}
	s.outages[topic] = away
}

// newestAt reads the newest note of a topic that opens at one provider; nil for none. It also returns the last id that
// is listed there, whether that note opens or not.
func newestAt(ctx context.Context, r *Repo, p Provider, topic string) (note *Note, last string, err error) {
	places, failed := notePlaces(ctx, []Provider{p}, topic)
	if err := failed[p.Name]; err != nil {
		return nil, "", err
	}
	for key := range places {
		last = max(last, key[strings.LastIndexByte(key, '/')+1:])
	}
	note, _, err = newestThatOpens(ctx, r, places)
	return note, last, err
}

func readNote(ctx context.Context, r *Repo, p Provider, key string) ([]byte, error) {
	body, err := p.Store.Get(ctx, key, MaxNote)
	if err != nil {
		return nil, err
	}
	return r.Keys.OpenObject(repository.ObjectNote, key, body, MaxNote)
}

// StandbySecret returns the secret that seals the sessions of a console without its database.
func (s *Set) StandbySecret(ctx context.Context) (keepsake.Secret, error) {
	keys, err := s.keyring(ctx)
	if err != nil {
		return "", err
	}
	return keys.StandbySecret()
}

// sealedTarget is the name under which SealTarget seals. The caller stores what is sealed, and no provider does.
const sealedTarget = NotePrefix + "restore-target"

// SealTarget seals the connection URL of a restore's target with the repository's key, so that it can wait in the
// console database and go through a form. OpenTarget opens it.
func (s *Set) SealTarget(ctx context.Context, url keepsake.Secret) (string, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return "", err
	}
	body, err := r.Keys.SealObject(repository.ObjectNote, sealedTarget, []byte(url.Reveal()))
	return base64.RawURLEncoding.EncodeToString(body), err
}

// OpenTarget opens what SealTarget has sealed.
func (s *Set) OpenTarget(ctx context.Context, sealed string) (keepsake.Secret, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return "", err
	}
	body, err := base64.RawURLEncoding.DecodeString(sealed)
	var plain []byte
	if err == nil {
		plain, err = r.Keys.OpenObject(repository.ObjectNote, sealedTarget, body, MaxNote)
	}
	if err != nil {
		return "", keepsake.Errorf(keepsake.CodeInvalid,
			"The address of the other server cannot be read any more: type it again.")
	}
	return keepsake.Secret(plain), nil
}
