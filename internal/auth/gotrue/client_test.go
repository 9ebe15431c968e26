package gotrue_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/auth/gotrue/gotruetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const authenticator = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

var (
	amelia = gotruetest.User{
		Email:       "amelia@example.org",
		Password:    "a long password",
		AppMetadata: map[string]any{"role": "super_admin", "organization_id": 7},
	}
	bea = gotruetest.User{
		Email:       "bea@example.org",
		Password:    "another password",
		TOTP:        authenticator,
		AppMetadata: map[string]any{"role": "super_admin"},
	}
)

func client(t *testing.T, s *gotruetest.Server) *gotrue.Client {
	t.Helper()
	c, err := gotrue.NewClient(s.URL+"/", gotruetest.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOneSignsInStaysInAndSignsOut(t *testing.T) {
	t.Parallel()
	s := gotruetest.New(t, false, amelia)
	c := client(t, s)
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	first, err := c.SignIn(t.Context(), amelia.Email, keepsake.Secret(amelia.Password))
	if err != nil {
		t.Fatal(err)
	}
	if u, err := c.User(t.Context(), first.Access); err != nil || len(u.Factors) != 0 ||
		!strings.Contains(fmt.Sprint(u.App), "role:super_admin") {
		t.Errorf("%+v, %v", u, err)
	}
	second, err := c.Refresh(t.Context(), first.Refresh)
	if err != nil || second.Refresh == first.Refresh {
		t.Fatal(err)
	}
	if again, err := c.Refresh(t.Context(), first.Refresh); err != nil || again.Refresh != second.Refresh {
		t.Errorf("when the answer was lost: %v", err)
	}
	if err := c.SignOut(t.Context(), second.Access); err != nil || s.SignedIn() != 0 {
		t.Errorf("%d are signed in, %v", s.SignedIn(), err)
	}
	if _, err := c.Refresh(t.Context(), second.Refresh); !errors.Is(err, gotrue.ErrRefused) {
		t.Errorf("after signing out: %v", err)
	}
	stolen, err := c.SignIn(t.Context(), amelia.Email, keepsake.Secret(amelia.Password))
	last := stolen
	for range 2 {
		if err == nil {
			last, err = c.Refresh(t.Context(), last.Refresh)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	// two people have the first: the last one is nobody's either
	for _, token := range []keepsake.Secret{stolen.Refresh, last.Refresh} {
		if _, err := c.Refresh(t.Context(), token); !errors.Is(err, gotrue.ErrRefused) {
			t.Errorf("a spent refresh token: %v", err)
		}
	}
}

func TestASecondFactorStrengthensASignIn(t *testing.T) {
	t.Parallel()
	s := gotruetest.New(t, true, bea)
	c := client(t, s)
	weak, err := c.SignIn(t.Context(), bea.Email, keepsake.Secret(bea.Password))
	if err != nil {
		t.Fatal(err)
	}
	user, err := c.User(t.Context(), weak.Access)
	factors := user.Factors
	if err != nil || len(factors) != 1 || !factors[0].Totp() {
		t.Fatalf("%+v, %v, want the verified one", factors, err)
	}
	if _, err := c.VerifyFactor(t.Context(), weak.Access, factors[0].ID, "000000"); !errors.Is(err, gotrue.ErrRefused) {
		t.Errorf("a wrong code: %v", err)
	}
	if _, err := c.VerifyFactor(t.Context(), weak.Access, "../user", "000000"); !errors.Is(err, gotrue.ErrRefused) &&
		keepsake.CodeOf(err) != keepsake.CodeUnavailable {
		t.Errorf("no factor: %v", err)
	}
	code, err := totp.GenerateCode(authenticator, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	strong, err := c.VerifyFactor(t.Context(), weak.Access, factors[0].ID, keepsake.Secret(code))
	if err != nil {
		t.Fatal(err)
	}
	v, err := gotrue.NewVerifier(t.Context(), gotrue.Trust{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := v.Verify(t.Context(), weak.Access); err != nil || claims.Strong {
		t.Errorf("%+v, %v", claims, err)
	}
	if claims, err := v.Verify(t.Context(), strong.Access); err != nil || !claims.Strong ||
		time.Since(claims.Proven) > time.Minute {
		t.Errorf("%+v, %v", claims, err)
	}
}

// TestWhatTheServerSaysOfATry: a wrong password is told from a server that is away or tired, and no answer leaks what
// was sent.
func TestWhatTheServerSaysOfATry(t *testing.T) {
	t.Parallel()
	banned := amelia
	banned.Email, banned.Banned = "gone@example.org", true
	s := gotruetest.New(t, false, amelia, banned)
	c := client(t, s)
	try := func(email string, password keepsake.Secret) error {
		_, err := c.SignIn(t.Context(), email, password)
		if err == nil || strings.Contains(err.Error(), password.Reveal()) || strings.Contains(err.Error(), email) {
			t.Errorf("%v", err)
		}
		return err
	}
	for _, email := range []string{amelia.Email, banned.Email, "nobody@example.org"} {
		if err := try(email, "a wrong password"); !errors.Is(err, gotrue.ErrRefused) {
			t.Errorf("%s: %v", email, err)
		}
	}
	if err := try(banned.Email, keepsake.Secret(banned.Password)); !errors.Is(err, gotrue.ErrRefused) {
		t.Errorf("somebody banned: %v", err)
	}
	s.SetBusy(true)
	if err := try(amelia.Email, keepsake.Secret(amelia.Password)); !errors.Is(err, gotrue.ErrBusy) ||
		keepsake.CodeOf(err) != keepsake.CodeUnavailable {
		t.Errorf("busy: %v", err)
	}
	s.SetBusy(false)
	s.SetDown(true)
	if err := try(amelia.Email, keepsake.Secret(amelia.Password)); keepsake.CodeOf(err) != keepsake.CodeUnavailable ||
		errors.Is(err, gotrue.ErrRefused) || !strings.Contains(keepsake.MessageOf(err), "local account") {
		t.Errorf("down: %v", err)
	}
	nowhere, err := gotrue.NewClient("http://127.0.0.1:1/auth/v1", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nowhere.SignIn(t.Context(), "a@example.org", "x"); keepsake.CodeOf(err) != keepsake.CodeUnavailable {
		t.Errorf("nowhere: %v", err)
	}
	for _, base := range []string{"", "supabase.co", "ftp://x", "https://user:pass@x", "https://x?apikey=1"} {
		if _, err := gotrue.NewClient(base, ""); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%q: %v", base, err)
		}
	}
}

// TestAnswersThatAreNone: something else answers at that address, leads elsewhere, or does not end.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	led := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { led = true }))
	t.Cleanup(elsewhere.Close)
	for name, answer := range map[string]http.HandlerFunc{
		"a page":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"another 400": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad", http.StatusBadRequest) },
		"no tokens":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"access_token":"x"}`)) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"without end": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`"` + strings.Repeat("x", 2<<20) + `"`))
		},
		"in the middle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"acc`))
		},
		"of another type": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"access_token":5}`)) },
	} {
		server := httptest.NewServer(answer)
		c, err := gotrue.NewClient(server.URL, gotruetest.Key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.SignIn(t.Context(), "a@example.org", "x"); keepsake.CodeOf(err) != keepsake.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
	if led {
		t.Error("the password was sent where the server pointed")
	}
}
