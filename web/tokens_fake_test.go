package web_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// fakeTokens keeps the second step of one account, and one token of the API.
type fakeTokens struct {
	handlers.Credentials
	mu    sync.Mutex
	ended bool  // the token is revoked
	away  error // why nobody can say
	step  auth.SecondStep
	stale bool // the proof is too old
	given []auth.Proof
	made  map[string]bool // by the id of the form
	list  []auth.Token
}

func newFakeTokens() *fakeTokens { return &fakeTokens{step: auth.SecondStep{Local: true}} }

const fakeToken = "ks_the_only_one"

func (f *fakeTokens) ResolveToken(_ context.Context, token, _ string) (keepsake.Actor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return keepsake.Actor{}, f.away
	}
	if token != fakeToken || f.ended {
		return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeForbidden, "This token is not valid.")
	}
	return admin, nil
}

var fakeCodes = []keepsake.Secret{"aaaa-bbbb-cccc-dddd", "eeee-ffff-gggg-hhhh"}

func (f *fakeTokens) proven() error {
	if f.stale {
		return keepsake.Errorf(keepsake.CodeProof, "Give your password again first.")
	}
	return nil
}

func (f *fakeTokens) ListTokens(context.Context, keepsake.Actor) ([]auth.Token, error) {
	return f.list, nil
}

func (f *fakeTokens) CreateToken(
	_ context.Context, _ keepsake.Actor, in auth.TokenInput,
) (auth.Token, keepsake.Secret, error) {
	if in.Name == "" {
		return auth.Token{}, "", keepsake.Errorf(keepsake.CodeInvalid, "Give the token a name.")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made == nil {
		f.made = map[string]bool{}
	}
	if f.made[in.ID] {
		return auth.Token{}, "", keepsake.Errorf(keepsake.CodeConflict, "This form has made its token already.")
	}
	f.made[in.ID] = true
	return auth.Token{Name: in.Name}, fakeToken, nil
}

func (f *fakeTokens) ListSessions(context.Context, keepsake.Actor) ([]auth.OpenSession, error) {
	return []auth.OpenSession{{ID: "1", UserAgent: "curl/8", Started: moment, Seen: moment, Current: true}}, nil
}

func (f *fakeTokens) Prove(_ context.Context, _ keepsake.Actor, in auth.Proof) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.given = append(f.given, in)
	if in.Password != "right" && in.Code != "123456" {
		return keepsake.Errorf(keepsake.CodeInvalid, "That is not your password. Nothing was changed.")
	}
	f.stale = false
	return nil
}

func (f *fakeTokens) GetSecondStep(context.Context, keepsake.Actor) (auth.SecondStep, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.step, nil
}

func (f *fakeTokens) BeginSecondStep(context.Context, keepsake.Actor) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.step.On {
		return keepsake.Errorf(keepsake.CodeConflict, "It is on already.")
	}
	if err := f.proven(); err != nil {
		return err
	}
	f.step.Begun = true
	return nil
}

func (f *fakeTokens) GetEnrolment(context.Context, keepsake.Actor) (auth.Enrolment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.step.Begun {
		return auth.Enrolment{}, keepsake.Errorf(keepsake.CodeNotFound, "Nothing was begun.")
	}
	return auth.Enrolment{
		Secret: "JBSW Y3DP EHPK 3PXP",
		Link:   "otpauth://totp/Keepsake:amelia@wedsync.example?secret=JBSWY3DPEHPK3PXP&issuer=Keepsake",
	}, f.proven()
}

func (f *fakeTokens) ConfirmSecondStep(
	_ context.Context, _ keepsake.Actor, code keepsake.Secret,
) ([]keepsake.Secret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.step.On {
		return nil, keepsake.Errorf(keepsake.CodeConflict, "It is on already.")
	}
	if code != "123456" {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "That is not the code that this secret gives now.")
	}
	f.step = auth.SecondStep{Local: true, On: true, Since: moment, CodesLeft: 10}
	return fakeCodes, nil
}

func (f *fakeTokens) RenewRecoveryCodes(
	_ context.Context, _ keepsake.Actor, made time.Time,
) ([]keepsake.Secret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.proven(); err != nil {
		return nil, err
	}
	if !made.Equal(f.step.CodesMade) {
		return nil, keepsake.Errorf(keepsake.CodeConflict, "They were made already.")
	}
	f.step.CodesLeft, f.step.CodesMade = 10, made.Add(time.Microsecond)
	return fakeCodes, nil
}

func (f *fakeTokens) EndSecondStep(_ context.Context, _ keepsake.Actor, in auth.Proof) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if in.Password != "right" || !strings.Contains("123456 aaaa-bbbb-cccc-dddd", in.Code.Reveal()) {
		return keepsake.Errorf(keepsake.CodeInvalid, "That code is not right. Nothing was changed.")
	}
	f.step = auth.SecondStep{Local: true}
	return nil
}
