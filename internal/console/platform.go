package console

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// PlatformKind is one way in which the platform may stand.
type PlatformKind string

// The ways the platform can stand.
const (
	PlatformAnswers  PlatformKind = ""
	PlatformAway     PlatformKind = "away"      // it cannot be reached, or does not say a word
	PlatformRefuses  PlatformKind = "refuses"   // it is there and lets Keepsake not in: role, password, database, address
	PlatformSlow     PlatformKind = "slow"      // it lets Keepsake in and does not answer in time
	PlatformReadOnly PlatformKind = "read-only" // it is a standby
)

// PlatformState says how the platform stands, and what of the data map it lacks.
type PlatformState struct {
	Kind PlatformKind
	// Words describe the state in a sentence. They are empty when the platform answers.
	Words string
	// Unmapped are keys of the configuration that name what the platform does not have. WithoutWeddings says that
	// weddings cannot be found because of them.
	Unmapped        []string
	WithoutWeddings bool
}

// Readable reports whether it is worth asking the platform questions.
func (s PlatformState) Readable() bool { return s.Kind != PlatformAway && s.Kind != PlatformRefuses }

// Writable reports whether rows can be brought back into the platform.
func (s PlatformState) Writable() bool { return s.Readable() && s.Kind != PlatformReadOnly }

// Fault says to people what the data map gets wrong and what that keeps from working. It is "" when nothing is wrong.
func (s PlatformState) Fault() string {
	switch {
	case len(s.Unmapped) == 0:
		return ""
	case !s.WithoutWeddings:
		return "keepsake.yaml does not fit the platform: " + strings.Join(s.Unmapped, "; ") +
			". Until this is corrected, this part of it does nothing. " +
			"Weddings are found, backed up and brought back all the same."
	}
	return "keepsake.yaml does not fit the platform: " + strings.Join(s.Unmapped, "; ") +
		". Until this is corrected, single weddings and organizations can be neither listed nor brought back. " +
		"Backups and restores of everything and of tiers go on."
}

// why says in words why a question to the platform got no answer: the data map's fault first, because then nothing else
// is to be looked for.
func (s PlatformState) why(err error) string {
	if s.WithoutWeddings {
		return s.Fault()
	}
	if !s.Readable() {
		return s.Words
	}
	_, text := unanswered(err)
	return text
}

const (
	// platformAge is how old what is known of a platform that answers may be; of one that does not, everybody who asks
	// looks again.
	platformAge = 2 * time.Second
	// platformTime bounds a look; platformAgainTime one at a platform that did not answer last time, so that no page waits
	// for it.
	platformTime      = 2 * time.Second
	platformAgainTime = 500 * time.Millisecond
	// platformNowTime bounds asking whether it answers at the moment in which something is started; platformAwayAge is how
	// long whoever draws the refusal need not look again.
	platformNowTime = 1200 * time.Millisecond
	platformAwayAge = time.Second
)

// platformLooker is what a platformWatch needs from the engine.
type platformLooker interface {
	LookAtPlatform(context.Context) (engine.PlatformLook, error)
	AskPlatform(context.Context) (standby bool, err error)
}

// platformWatch knows how the platform stood a moment ago. Callers that ask at once share one question.
type platformWatch struct {
	engine platformLooker
	mu     sync.Mutex
	state  PlatformState
	at     time.Time
	// refused is when something was last refused because it did not answer.
	refused time.Time
	asking  chan struct{} // closed when the look that is under way has ended; nil: none is
}

// saw keeps what the error of a question said of the platform.
func (w *platformWatch) saw(err error) PlatformState {
	w.mu.Lock()
	defer w.mu.Unlock()
	if kind, text := unanswered(err); kind == PlatformAway || kind == PlatformRefuses {
		w.state, w.at = PlatformState{Kind: kind, Words: text}, time.Now()
	}
	return w.state
}

// known returns the state that was seen last. It asks nothing.
func (w *platformWatch) known() PlatformState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// ask returns how the platform stands now.
func (w *platformWatch) ask(ctx context.Context) PlatformState {
	w.mu.Lock()
	if w.state.Readable() && !w.at.IsZero() && time.Since(w.at) < platformAge || !w.refused.IsZero() &&
		time.Since(w.refused) < platformAwayAge {
		defer w.mu.Unlock()
		return w.state
	}
	if asking := w.asking; asking != nil {
		w.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
		}
		return w.known()
	}
	done, most := make(chan struct{}), platformTime
	if !w.state.Readable() {
		most = platformAgainTime
	}
	w.asking = done
	w.mu.Unlock()
	// Others wait for this look too, so it does not end with the browser that happened to ask first.
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()
	look, err := w.engine.LookAtPlatform(looking)
	state := stateOf(look, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state, w.at, w.refused, w.asking = state, time.Now(), time.Time{}, nil
	close(done)
	return state
}

// stateOf turns what a look found into words.
func stateOf(look engine.PlatformLook, err error) PlatformState {
	switch {
	case err != nil && neverAsked(err):
		return PlatformState{}
	case err != nil:
		kind, text := unanswered(err)
		return PlatformState{Kind: kind, Words: text}
	}
	var s PlatformState
	for _, u := range look.Unmapped {
		s.Unmapped, s.WithoutWeddings = append(s.Unmapped, u.Words()), s.WithoutWeddings || u.Weddings
	}
	if look.Standby {
		s.Kind = PlatformReadOnly
		s.Words = "The platform's server is a standby: what it holds can be read and backed up, but nothing can be brought " +
			"back into it until it is promoted, or platform.url names the primary."
	}
	return s
}

const away = "The platform does not answer."

// neverAsked reports an error that says nothing of the platform: Keepsake itself is ending.
func neverAsked(err error) bool { return errors.Is(err, context.Canceled) }

// unanswered tells a platform that is away from one that is there and does not do as it is asked, by the error of a
// question to it.
func unanswered(err error) (PlatformKind, string) {
	var pg *pgconn.PgError
	var known stateError
	if errors.As(err, &known) { // fromPlatform said it
		return known.state.Kind, known.state.Words
	}
	switch code := keepsake.CodeOf(err); {
	case errors.As(err, &pg):
		return PlatformAnswers, "The platform answers, but refuses the question (" + pg.Message + ")."
	case code == keepsake.CodeInternal && errors.Is(err, context.DeadlineExceeded):
		return PlatformSlow, "The platform takes Keepsake's connection, but does not answer in time."
	case code == keepsake.CodeInvalid || code == keepsake.CodeNotFound || code == keepsake.CodeForbidden:
		return PlatformRefuses, "The platform does not let Keepsake in:" + stopped(words(err))
	case code == keepsake.CodeUnsupported:
		return PlatformAnswers, "The platform answers, but cannot be read as the configuration says:" + stopped(words(err))
	case code == keepsake.CodeUnavailable && errors.Is(err, context.DeadlineExceeded):
		return PlatformAway, strings.TrimSuffix(away, ".") + ":" + stopped(words(err))
	default:
		return PlatformAway, away + stopped(words(err))
	}
}

// stopped ends words as a sentence ends, because another one follows.
func stopped(words string) string {
	if words == "" || strings.ContainsAny(words[len(words)-1:], ".?!") {
		return words
	}
	return words + "."
}

// stateError says that a question was not asked, as the platform stands.
type stateError struct{ state PlatformState }

func (e stateError) Error() string { return e.state.Words }

// fromPlatform asks the platform something that a page shows. It does not ask a platform that does not answer now,
// because no page should wait for that.
func fromPlatform[T any](ctx context.Context, watch *platformWatch, ask func(context.Context) (T, error)) (answer T,
	err error) {
	if s := watch.ask(ctx); !s.Readable() {
		return answer, &keepsake.Error{Code: keepsake.CodeUnavailable, Message: s.Words, Err: stateError{s}}
	}
	asking, cancel := context.WithTimeout(ctx, weddingsTime)
	defer cancel()
	return ask(asking)
}

// Platform returns how the first platform stands. It waits for two seconds at most, and for half a second when the
// platform did not answer last time.
func (c *Console) Platform(ctx context.Context) PlatformState { return c.platforms[0].watch.ask(ctx) }

// KnownPlatform returns how the first platform stood when somebody last asked it. It asks nothing.
func (c *Console) KnownPlatform() PlatformState { return c.platforms[0].watch.known() }

// Platform does the same as Console.Platform.
func (s *Standby) Platform(ctx context.Context) PlatformState { return s.watch.ask(ctx) }

// KnownPlatform does the same as Console.KnownPlatform.
func (s *Standby) KnownPlatform() PlatformState { return s.watch.known() }

// now asks whether the platform answers at this moment: what was known a second ago is not enough to start something
// by.
func (w *platformWatch) now(ctx context.Context) PlatformState {
	asking, cancel := context.WithTimeout(ctx, platformNowTime)
	defer cancel()
	standby, err := w.engine.AskPlatform(asking)
	state := stateOf(engine.PlatformLook{Standby: standby}, err)
	if state.Kind == PlatformSlow { // so short a question
		state = PlatformState{Kind: PlatformAway, Words: state.Words}
	}
	if !state.Readable() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.state, w.at, w.refused = state, time.Now(), time.Now()
	}
	return state
}

// mustAnswer refuses to start what would only fail: by a platform that does not answer now, or where something is to be
// written that cannot be.
func (w *platformWatch) mustAnswer(ctx context.Context, write bool) error {
	s := w.now(ctx)
	if write && !s.Writable() || !s.Readable() {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"%s Nothing was started and nothing was changed. What you chose is kept: try again when the platform is back.",
			s.Words)
	}
	return nil
}

// mustBeWritable refuses at once what needs a platform that can be written into.
func (w *platformWatch) mustBeWritable(ctx context.Context) error {
	s := w.ask(ctx)
	if s.Writable() {
		return nil
	}
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"%s There is nothing to compare with, and nothing can be brought back into it now; nothing was changed. "+
			"What the recovery points hold, contacts included, can be read all the same, and restored into a "+
			"database elsewhere.",
		s.Words)
}
