package gotrue_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/auth/gotrue/gotruetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func verifier(t testing.TB, s *gotruetest.Server, change func(*gotrue.Trust)) *gotrue.Verifier {
	t.Helper()
	trust := gotrue.Trust{URL: s.URL}
	if change != nil {
		change(&trust)
	}
	v, err := gotrue.NewVerifier(t.Context(), trust)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func withSecret(t *gotrue.Trust) { t.Secret = gotruetest.Secret }

func TestATokenProvesWhoItsBearerIs(t *testing.T) {
	t.Parallel()
	for name, asymmetric := range map[string]bool{"HS256 without a kid": false, "ES256 with published keys": true} {
		s := gotruetest.New(t, asymmetric, amelia)
		v := verifier(t, s, func(tr *gotrue.Trust) {
			if !asymmetric {
				withSecret(tr)
			}
		})
		c, err := v.Verify(t.Context(), keepsake.Secret(s.Sign(t, amelia, nil)))
		if err != nil || c.Role != "super_admin" || c.Organization != "7" || c.Email != amelia.Email || c.Subject == "" ||
			c.Session == "" || c.Strong || time.Since(c.Proven) > time.Minute || time.Until(c.Expires) < 55*time.Minute {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if n, err := v.Keys(t.Context()); err != nil || n != 1 {
			t.Errorf("%s: %d keys, %v", name, n, err)
		}
	}
}

// TestTokensThatProveNothing: each is refused, and for no reason that its bearer is told.
func TestTokensThatProveNothing(t *testing.T) {
	t.Parallel()
	symmetric, asymmetric := gotruetest.New(t, false, amelia), gotruetest.New(t, true, amelia)
	secret, keys := verifier(t, symmetric, withSecret), verifier(t, asymmetric, nil)
	change := func(s *gotruetest.Server, f func(header, claims map[string]any)) string { return s.Sign(t, amelia, f) }
	claim := func(name string, value any) func(header, claims map[string]any) {
		return func(_, claims map[string]any) { claims[name] = value }
	}
	none := func(s *gotruetest.Server) string {
		parts := strings.Split(s.Sign(t, amelia, nil), ".")
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	}
	// The confusion of RFC 8725, section 2.1: the published key, which everybody knows, taken for a secret.
	confused := func(kid bool) string {
		parts := strings.Split(asymmetric.Sign(t, amelia, nil), ".")
		parsed, _, err := jwt.NewParser().ParseUnverified(strings.Join(parts, "."), jwt.MapClaims{})
		if err != nil {
			t.Fatal(err)
		}
		forged := jwt.NewWithClaims(jwt.SigningMethodHS256, parsed.Claims)
		if kid {
			forged.Header["kid"] = parsed.Header["kid"]
		}
		text, err := forged.SignedString(asymmetric.PublicKey(t))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	valid := symmetric.Sign(t, amelia, nil)
	for name, c := range map[string]struct {
		v     *gotrue.Verifier
		token string
	}{
		"nothing":                        {secret, ""},
		"no token":                       {secret, "a.b.c"},
		"no signature":                   {secret, valid[:strings.LastIndex(valid, ".")+1]},
		"one changed letter":             {secret, strings.Replace(valid, ".", ".A", 1)},
		"none":                           {secret, none(symmetric)},
		"none, with published keys":      {keys, none(asymmetric)},
		"published key as secret":        {keys, confused(false)},
		"published key as secret, a kid": {keys, confused(true)},
		"HS256 where keys are":           {keys, valid},
		"ES256 where a secret is":        {secret, asymmetric.Sign(t, amelia, nil)},
		"an unknown kid": {keys,
			change(asymmetric, func(header, _ map[string]any) { header["kid"] = "made up" })},
		"of another project": {secret, change(symmetric, claim("iss", "https://elsewhere.example/auth/v1"))},
		"without an issuer": {secret,
			change(symmetric, func(_, claims map[string]any) { delete(claims, "iss") })},
		"for somebody else": {secret, change(symmetric, claim("aud", "storage"))},
		"without an audience": {secret,
			change(symmetric, func(_, claims map[string]any) { delete(claims, "aud") })},
		"expired": {secret, change(symmetric, claim("exp", time.Now().Add(-time.Minute).Unix()))},
		"without an end": {secret,
			change(symmetric, func(_, claims map[string]any) { delete(claims, "exp") })},
		"not valid yet":            {secret, change(symmetric, claim("nbf", time.Now().Add(time.Hour).Unix()))},
		"issued in the future":     {secret, change(symmetric, claim("iat", time.Now().Add(time.Hour).Unix()))},
		"about nobody":             {secret, change(symmetric, claim("sub", ""))},
		"about somebody anonymous": {secret, change(symmetric, claim("is_anonymous", true))},
		"of an application for somebody": {secret,
			change(symmetric, claim("client_id", "9a8b7c6d-5e4f-3a2b-1c0d-9e8f7a6b5c4d"))},
	} {
		_, err := c.v.Verify(t.Context(), keepsake.Secret(c.token))
		if keepsake.CodeOf(err) != keepsake.CodeForbidden ||
			!strings.HasPrefix(keepsake.MessageOf(err), "The token of Supabase Auth is not valid") {
			t.Errorf("%s: %v", name, err)
		}
		if c.token != "" && err != nil && strings.Contains(err.Error(), c.token) {
			t.Errorf("%s: the error quotes the token", name)
		}
	}
}

// TestWhatAUserWritesIsNotBelieved: the role that a user gave themselves, and the role of the database.
func TestWhatAUserWritesIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := gotruetest.New(t, false)
	v := verifier(t, s, withSecret)
	for name, u := range map[string]gotruetest.User{
		"user_metadata": {
			Email:        "a@example.org",
			UserMetadata: map[string]any{"role": "super_admin", "organization_id": "1"},
		},
		"a list":    {Email: "b@example.org", AppMetadata: map[string]any{"role": []string{"super_admin"}}},
		"an object": {Email: "c@example.org", AppMetadata: map[string]any{"role": map[string]any{"super_admin": true}}},
	} {
		c, err := v.Verify(t.Context(), keepsake.Secret(s.Sign(t, u, nil)))
		if err != nil || c.Role != "" || c.Organization != "" {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if c,
		err := v.Verify(t.Context(), keepsake.Secret(
		s.Sign(t, gotruetest.User{Email: "d@example.org"},
			func(_, claims map[string]any) { claims["role"] = "super_admin" }))); err != nil || c.Role != "" {
		t.Errorf("the role of the database counts: %+v, %v", c, err)
	}
	for _, path := range []string{"user_metadata.role", "user_metadata", "app_metadata..role", "."} {
		if _, err := gotrue.NewVerifier(t.Context(),
			gotrue.Trust{URL: s.URL, Secret: gotruetest.Secret, RoleClaim: path}); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("the role claim %q: %v", path, err)
		}
	}
	elsewhere := verifier(t, s, func(tr *gotrue.Trust) { withSecret(tr); tr.RoleClaim = "app_metadata.keepsake.role" })
	u := gotruetest.User{
		Email:       "e@example.org",
		AppMetadata: map[string]any{"keepsake": map[string]any{"role": "super_admin"}},
	}
	if c, err := elsewhere.Verify(t.Context(), keepsake.Secret(s.Sign(t, u, nil))); err != nil || c.Role != "super_admin" {
		t.Errorf("another role claim: %+v, %v", c, err)
	}
}

// TestAnOrganizationThatCannotBeReadBindsToo: whoever wrote it there meant to bind somebody, and no organization is the
// whole platform.
func TestAnOrganizationThatCannotBeReadBindsToo(t *testing.T) {
	t.Parallel()
	s := gotruetest.New(t, false)
	v := verifier(t, s, withSecret)
	deep := verifier(t, s,
		func(tr *gotrue.Trust) { withSecret(tr); tr.OrganizationClaim = "app_metadata.organization_id.name" })
	const refused = "refused"
	for name, is := range map[string]struct {
		v     *gotrue.Verifier
		claim any
		want  string
	}{
		"a list":               {v, []string{"org-7"}, refused},
		"an object":            {v, map[string]any{"id": "org-7"}, refused},
		"yes":                  {v, true, refused},
		"a fraction":           {v, 7.5, refused},
		"nothing deeper":       {deep, "org-7", refused},
		"null":                 {v, nil, refused},
		"null, looked into":    {deep, nil, refused},
		"an empty text":        {v, "", refused},
		"blanks":               {v, " \t\u00a0", refused},
		"what nobody sees":     {v, "\u200b\u2060\ufeff\u3164\u2800\u00ad", refused},
		"an empty list":        {v, []string{}, refused},
		"what nothing keeps":   {v, "org\x007", refused},
		"one without an end":   {v, strings.Repeat("7", 5000), refused},
		"a number without end": {v, json.Number(strings.Repeat("7", 5000)), refused},
		"an object of nothing": {deep, map[string]any{}, ""},
		"an empty one, deeper": {deep, map[string]any{"name": ""}, refused},
		"a number":             {v, 7, "7"},
		"a number of a bigint": {v, int64(9007199254740993), "9007199254740993"},
	} {
		u := gotruetest.User{
			Email:       "a@example.org",
			AppMetadata: map[string]any{"role": "super_admin", "organization_id": is.claim},
		}
		c, err := is.v.Verify(t.Context(), keepsake.Secret(s.Sign(t, u, nil)))
		if is.want == refused && keepsake.CodeOf(err) != keepsake.CodeForbidden || is.want != refused &&
			(err != nil || c.Organization != is.want) {
			t.Errorf("%s: %+v, %v, want %q", name, c, err, is.want)
		}
		if is.want == refused && (!errors.Is(err, gotrue.ErrPerson) || c.Subject == "" || c.Role != "") {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	none := gotruetest.User{Email: "b@example.org", AppMetadata: map[string]any{"role": "super_admin"}}
	if c, err := v.Verify(t.Context(), keepsake.Secret(s.Sign(t, none, nil))); err != nil || c.Organization != "" {
		t.Errorf("without the claim: %+v, %v", c, err)
	}
}

// TestClaimsOfAnotherTypeEntitleToNothing: lists, objects, numbers and truths where texts belong, in every claim. None
// of them is taken for a token that the configuration does not fit, and none opens more than it did before.
func TestClaimsOfAnotherTypeEntitleToNothing(t *testing.T) {
	t.Parallel()
	s := gotruetest.New(t, false, amelia)
	v := verifier(t, s, withSecret)
	odd := map[string]any{"a list": []any{"x"}, "an object": map[string]any{"x": "y"}, "null": nil, "a truth": true,
		"an empty list": []any{}, "a number": 1.5, "blanks": " ", "a NUL": "a\x00b", "endless": strings.Repeat("a", 5000)}
	for _, claim := range []string{"sub", "email", "app_metadata", "is_anonymous", "aal", "amr", "session_id", "exp",
		"iat", "nbf", "iss", "client_id"} {
		for name, value := range odd {
			c,
				err := v.Verify(t.Context(), keepsake.Secret(
				s.Sign(t, amelia, func(_, claims map[string]any) { claims[claim] = value })))
			kept := c.Subject + c.Session + c.Email
			if err == nil && (c.Strong || strings.TrimSpace(c.Subject) == "" || len(kept) > 2000 ||
				strings.ContainsRune(kept, 0) || claim == "app_metadata" && c.Role != "" || claim == "email" &&
				strings.TrimSpace(c.Email) != "" || claim == "is_anonymous" && value != nil) {
				t.Errorf("%s is %s: %+v", claim, name, c)
			}
			if err != nil && keepsake.CodeOf(err) != keepsake.CodeForbidden {
				t.Errorf("%s is %s: %v", claim, name, err)
			}
			// a token without an issuer, or of another time, is no token of this server's
			known := value == nil || name == "a number" || claim == "iss"
			if err != nil && !known && !errors.Is(err, gotrue.ErrPerson) {
				t.Errorf("%s is %s, and the configuration is blamed: %v", claim, name, err)
			}
		}
	}
}

func TestWhatIsNoTrust(t *testing.T) {
	t.Parallel()
	s := gotruetest.New(t, false)
	for name, trust := range map[string]gotrue.Trust{
		"a short secret":              {URL: s.URL, Secret: "short"},
		"a secret for published keys": {URL: s.URL, Secret: gotruetest.Secret, Algorithms: []string{"ES256"}},
		"HS256 without a secret":      {URL: s.URL, Algorithms: []string{"HS256"}},
		"none":                        {URL: s.URL, Algorithms: []string{"none"}},
	} {
		if _, err := gotrue.NewVerifier(t.Context(), trust); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysChangeAndGoAway: a new key is fetched when the first token comes that it signed; while the keys cannot be
// fetched the last ones verify; and tokens with invented keys do not make Keepsake ask without end.
func TestKeysChangeAndGoAway(t *testing.T) {
	t.Parallel()
	s := gotruetest.New(t, true, amelia)
	s.SetKeysDown(true)
	v := verifier(t, s, nil) // it starts without any key
	token := func() keepsake.Secret { return keepsake.Secret(s.Sign(t, amelia, nil)) }
	if _, err := v.Verify(t.Context(), token()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("without keys: %v", err)
	}
	s.SetKeysDown(false)
	old := token()
	if _, err := v.Verify(t.Context(), old); err != nil {
		t.Fatalf("when the keys are there: %v", err)
	}
	s.SetKeysDown(true)
	if _, err := v.Verify(t.Context(), old); err != nil {
		t.Errorf("the last keys are forgotten: %v", err)
	}

	s = gotruetest.New(t, true, amelia)
	v = verifier(t, s, nil)
	old = token()
	s.Rotate(t)
	if _, err := v.Verify(t.Context(), token()); err != nil {
		t.Errorf("a rotated key: %v", err)
	}
	if _, err := v.Verify(t.Context(), old); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a key that is not published any more: %v", err)
	}
	for range 50 {
		_, _ = v.Verify(t.Context(), keepsake.Secret(
			s.Sign(t, amelia, func(header, _ map[string]any) { header["kid"] = time.Now().String() })))
	}
	if n := s.KeyReads(); n > 4 {
		t.Errorf("the keys were read %d times", n)
	}
}

// FuzzVerify: nothing but what the server signed is believed, and nothing makes it fail in another way.
func FuzzVerify(f *testing.F) {
	s := gotruetest.New(f, false)
	v := verifier(f, s, withSecret)
	valid := s.Sign(f, amelia, nil)
	f.Add(valid)
	f.Add("")
	f.Add("..")
	f.Add(strings.Replace(valid, ".", ".e30", 1))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + ".e30.")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := v.Verify(t.Context(), keepsake.Secret(token))
		if err == nil && token != valid {
			t.Fatalf("%q is believed: %+v", token, c)
		}
		if err != nil && keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Fatalf("%v", err)
		}
	})
}

// TestWhatTheServerSaysNowCounts: somebody took another e-mail, role and organization since the token was issued.
func TestWhatTheServerSaysNowCounts(t *testing.T) {
	t.Parallel()
	s := gotruetest.New(t, false, amelia)
	v := verifier(t, s, withSecret)
	c, err := v.Verify(t.Context(), keepsake.Secret(s.Sign(t, amelia, nil)))
	if err != nil {
		t.Fatal(err)
	}
	now,
		err := v.Now(c, gotrue.User{
		Email: "another@example.org",
		App:   map[string]any{"role": "planner", "organization_id": "8"},
	})
	if err != nil || now.Email != "another@example.org" || now.Role != "planner" || now.Organization != "8" ||
		now.Subject != c.Subject || now.Session != c.Session {
		t.Errorf("%+v, %v", now, err)
	}
}
