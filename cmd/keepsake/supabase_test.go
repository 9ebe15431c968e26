package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/auth/gotrue/gotruetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestPeopleOfThePlatformSignIn: over the real program, on its pages and over the API, with a second factor, against a
// server that signs with a secret and one that publishes keys.
func TestPeopleOfThePlatformSignIn(t *testing.T) {
	t.Parallel()
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	bea := gotruetest.User{
		Email:       "bea@example.com",
		Password:    "what only Bea knows",
		AppMetadata: map[string]any{"role": "super_admin"},
	}
	cleo := gotruetest.User{
		Email:       "cleo@example.com",
		Password:    "what only Cleo knows",
		AppMetadata: map[string]any{"role": "super_admin"},
		TOTP:        secret,
	}
	for name, asymmetric := range map[string]bool{"secret": false, "published keys": true} {
		t.Run(name, func(t *testing.T) {
			at := gotruetest.New(t, asymmetric, bea, cleo)
			w := newWorld(t, protecting, season...)
			raw, err := os.ReadFile(w.config)
			if err != nil {
				t.Fatal(err)
			}
			w.env["SUPABASE_ANON_KEY"] = gotruetest.Key
			conf := string(raw) + "auth:\n  supabase:\n    url: " + at.URL + "\n    anon_key: \"${SUPABASE_ANON_KEY}\"\n"
			if !asymmetric {
				w.env["JWT_SECRET"] = gotruetest.Secret
				conf += "    jwt_secret: \"${JWT_SECRET}\"\n"
				w.secrets = append(w.secrets, gotruetest.Secret)
			}
			w.write(t, w.config, conf)
			for _, s := range []string{bea.Password, cleo.Password, gotruetest.Key, gotruetest.Secret} {
				testenv.Secret("what Supabase Auth knows", s)
			}
			w.withConsole(t)
			w.must(t, exitDone, "init")
			if o := w.run(t, "doctor"); !strings.Contains(o.out, "its tokens can be verified") {
				t.Errorf("doctor: %s", o.out)
			}
			base, end := w.serve(t)
			defer end()
			browser := func() *http.Client {
				jar, err := cookiejar.New(nil)
				if err != nil {
					t.Fatal(err)
				}
				return &http.Client{Jar: jar}
			}
			post := func(c *http.Client, path string, form url.Values) (at string, page string) {
				t.Helper()
				resp, err := c.PostForm(base+path, form)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				page = string(body)
				testenv.Saw("the page after "+path, page)
				return resp.Request.URL.Path, page
			}
			c := browser()
			if to, page := post(c, "/sign-in", url.Values{"email": {bea.Email}, "password": {"not hers"}}); to != "/sign-in" ||
				!strings.Contains(page, "do not match an account") {
				t.Errorf("a wrong password leads to %s", to)
			}
			if to, page := post(c, "/sign-in", url.Values{"email": {bea.Email}, "password": {bea.Password}}); to != "/" ||
				!strings.Contains(page, bea.Email) {
				t.Errorf("signing in leads to %s:\n%s", to, page)
			}
			c = browser()
			if to, page := post(c, "/sign-in", url.Values{"email": {cleo.Email}, "password": {cleo.Password}}); to !=
				"/sign-in/code" || strings.Contains(page, "recovery") {
				t.Errorf("signing in with a second factor leads to %s:\n%s", to, page)
			}
			if to, _ := post(c, "/sign-in/code", url.Values{"code": {"000000"}}); to != "/sign-in/code" {
				t.Errorf("a wrong code leads to %s", to)
			}
			code, err := totp.GenerateCode(secret, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if to, page := post(c, "/sign-in/code", url.Values{"code": {code}}); to != "/" ||
				!strings.Contains(page, cleo.Email) {
				t.Errorf("the code leads to %s:\n%s", to, page)
			}
			if n := at.SignedIn(); n != 2 {
				t.Errorf("%d are signed in there", n)
			}
			post(c, "/sign-out", nil)
			if n := at.SignedIn(); n != 1 {
				t.Errorf("%d are signed in there after one signed out", n)
			}
			// A script with Bea's own token may what Bea may.
			client, err := gotrue.NewClient(at.URL, gotruetest.Key)
			if err != nil {
				t.Fatal(err)
			}
			tokens, err := client.SignIn(t.Context(), bea.Email, keepsake.Secret(bea.Password))
			if err != nil {
				t.Fatal(err)
			}
			testenv.Secret("an access token", tokens.Access.Reveal())
			script{t, base, tokens.Access.Reveal()}.send(http.MethodGet, "/api/backups/status", nil).want(http.StatusOK)
			script{t, base, tokens.Access.Reveal() + "x"}.send(http.MethodGet, "/api/backups/status", nil).want(
				http.StatusUnauthorized)
		})
	}
}
