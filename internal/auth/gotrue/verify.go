package gotrue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// audience is what the server writes into every token of a person who is signed in.
	audience = "authenticated"
	// leeway is how far two clocks may be apart.
	leeway = 30 * time.Second
	// shortestSecret is what HS256 needs, in bytes (RFC 7518, section 3.2).
	shortestSecret = 32
	// keysEvery is between two looks at the published keys when nothing asks for one, and keysAgain between two that a
	// token with an unknown key asks for: whoever makes such tokens must not make Keepsake ask without end.
	keysEvery = time.Hour
	keysAgain = 10 * time.Second

	// longestClaim bounds a text that is kept, in bytes: far more than an id, a role or an address has.
	longestClaim = 1000

	// secretAlgorithm is what a secret verifies.
	secretAlgorithm = "HS256"

	// appMetadata is where only the server's administrator writes.
	appMetadata = "app_metadata"
	// DefaultRoleClaim is where the server's administrator writes what somebody is.
	DefaultRoleClaim = appMetadata + ".role"
	// DefaultOrganizationClaim is where the server's administrator writes whose weddings somebody may see.
	DefaultOrganizationClaim = appMetadata + ".organization_id"
)

// KeyAlgorithms are those of published keys that may be asked for.
var KeyAlgorithms = []string{"ES256", "RS256"}

// Trust is what a token is held against. It comes from the configuration and never from a token.
type Trust struct {
	URL    string // of the server
	Issuer string // empty: URL
	// Secret verifies HS256. Without one, the keys that the server publishes verify Algorithms; empty: ES256.
	Secret     keepsake.Secret
	Algorithms []string
	// RoleClaim and OrganizationClaim are paths into the token, with dots.
	RoleClaim, OrganizationClaim string
	Logger                       *slog.Logger
	Now                          func() time.Time
}

// ErrNoKey is a token that was signed with a key that is not known, or not yet: one that was made up, or one of now
// while the published keys cannot be fetched.
var ErrNoKey = errors.New("the key that it was signed with is not known")

// ErrPerson is a token, or an answer, that is the server's own, and whose words on the person prove nothing: a claim
// that is a list where a text belongs, or an organization that is there and says nothing. Whoever it is about is
// entitled to nothing, and the configuration is not to blame.
var ErrPerson = errors.New("what the auth server says of the person proves nothing")

// Claims are what a token proves.
type Claims struct {
	Subject      string // the person's id there
	Email        string
	Role         string // as the role claim says; empty: none
	Organization string // as the organization claim says; empty: bound to none
	Session      string // the sign-in's id there
	Strong       bool   // a second factor was given (aal2)
	// Proven is when the person last gave a password or a code; zero when the token does not say.
	Proven  time.Time
	Expires time.Time
}

// Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct {
	parser             *jwt.Parser
	key                func(ctx context.Context) jwt.Keyfunc
	role, organization []string
	issuer             string
	keys               func(ctx context.Context) (int, error)
}

// Check returns what is wrong with the trust, and the field that it lies in: URL, Secret, Algorithms, RoleClaim or
// OrganizationClaim.
func (t Trust) Check() (field string, err error) {
	if _, err := NewClient(t.URL, ""); err != nil {
		return "URL", err
	}
	if t.Secret != "" && len(t.Secret) < shortestSecret {
		return "Secret", keepsake.Errorf(keepsake.CodeInvalid,
			"the JWT secret is shorter than %d bytes: it is not the one that Supabase Auth signs with", shortestSecret)
	}
	if t.Secret != "" && len(t.Algorithms) > 0 && !slices.Equal(t.Algorithms, []string{secretAlgorithm}) {
		return "Algorithms", keepsake.Errorf(keepsake.CodeInvalid,
			"a JWT secret verifies %s and nothing else: leave out either the secret or the algorithms", secretAlgorithm)
	}
	for _, a := range t.Algorithms {
		if t.Secret == "" && !slices.Contains(KeyAlgorithms, a) {
			return "Algorithms", keepsake.Errorf(keepsake.CodeInvalid, "%q is no algorithm of published keys: use %s", a,
				strings.Join(KeyAlgorithms, " or "))
		}
	}
	if _, err := claimPath(t.RoleClaim, DefaultRoleClaim); err != nil {
		return "RoleClaim", err
	}
	if _, err := claimPath(t.OrganizationClaim, DefaultOrganizationClaim); err != nil {
		return "OrganizationClaim", err
	}
	return "", nil
}

// NewVerifier returns a Verifier. Where keys are published it fetches them, and goes on without when that fails: tokens
// are refused then until they can be fetched. ctx ends the fetching.
func NewVerifier(ctx context.Context, t Trust) (*Verifier, error) {
	if _, err := t.Check(); err != nil {
		return nil, err
	}
	v := &Verifier{issuer: t.Issuer}
	if v.issuer == "" {
		v.issuer = strings.TrimSuffix(t.URL, "/")
	}
	v.role, _ = claimPath(t.RoleClaim, DefaultRoleClaim)
	v.organization, _ = claimPath(t.OrganizationClaim, DefaultOrganizationClaim)
	algorithms := []string{secretAlgorithm}
	if t.Secret != "" {
		secret := []byte(t.Secret.Reveal())
		v.key = func(context.Context) jwt.Keyfunc { return func(*jwt.Token) (any, error) { return secret, nil } }
		v.keys = func(context.Context) (int, error) { return 1, nil }
	} else {
		if algorithms = t.Algorithms; len(algorithms) == 0 {
			algorithms = KeyAlgorithms[:1]
		}
		if err := v.publish(ctx, t); err != nil {
			return nil, err
		}
	}
	options := []jwt.ParserOption{jwt.WithValidMethods(algorithms), jwt.WithIssuer(v.issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithIssuedAt(), jwt.WithStrictDecoding(),
		jwt.WithJSONNumber()}
	if t.Now != nil {
		options = append(options, jwt.WithTimeFunc(t.Now))
	}
	v.parser = jwt.NewParser(options...)
	return v, nil
}

// publish has the keys fetched that the server publishes. A fetch that fails leaves the keys of the last one.
func (v *Verifier) publish(ctx context.Context, t Trust) error {
	log := t.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	set, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{strings.TrimSuffix(t.URL, "/") + "/.well-known/jwks.json"},
		keyfunc.Override{
			Client: newHTTP(), HTTPTimeout: answerTime / 2, RefreshInterval: keysEvery,
			RefreshUnknownKID: rate.NewLimiter(rate.Every(keysAgain), 2), RateLimitWaitMax: answerTime / 2, // of the fetch too
			RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
				return func(ctx context.Context, err error) {
					log.WarnContext(ctx, "the keys of Supabase Auth could not be fetched; the last ones stay", "err", err)
				}
			},
		})
	if err != nil {
		return keepsake.Errorf(keepsake.CodeInvalid, "the keys of Supabase Auth cannot be asked for: %w", err)
	}
	v.key = set.KeyfuncCtx
	v.keys = func(ctx context.Context) (int, error) {
		list, err := set.Storage().KeyReadAll(ctx)
		return len(list), err
	}
	return nil
}

// Keys returns how many keys there are to verify with: none means that every token is refused.
func (v *Verifier) Keys(ctx context.Context) (int, error) { return v.keys(ctx) }

// Verify returns what a token proves, or an Error with CodeForbidden. Why a token is refused is in the chain, for a
// log. With ErrPerson the claims hold whom it is about, where it says so, and nothing else.
func (v *Verifier) Verify(ctx context.Context, token keepsake.Secret) (Claims, error) {
	refuse := func(err error) (Claims, error) {
		return Claims{}, keepsake.Errorf(keepsake.CodeForbidden,
			"The token of Supabase Auth is not valid, or not any more: %w", err)
	}
	said := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token.Reveal(), said, v.key(ctx))
	switch {
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		issuer, _ := said.GetIssuer()
		return refuse(fmt.Errorf("it was issued by %q, and auth.supabase.issuer expects %q", clip(issuer), v.issuer))
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return refuse(errors.Join(ErrNoKey, err))
	case errors.Is(err, jwt.ErrInvalidType): // the signature was looked at before
		_, err = refuse(errors.Join(ErrPerson, err))
		return Claims{Subject: text(said, "sub")}, err
	case err != nil:
		return refuse(err)
	case !parsed.Valid:
		return refuse(errors.New("it does not verify"))
	}
	c, err := v.person(said)
	if err != nil {
		_, err = refuse(errors.Join(ErrPerson, err))
		return Claims{Subject: c.Subject}, err
	}
	return c, nil
}

// person reads what the claims say of somebody. A claim of another type than its own is no claim that is missing.
func (v *Verifier) person(said jwt.MapClaims) (Claims, error) {
	c := Claims{
		Subject: text(said, "sub"),
		Email:   text(said, "email"),
		Session: text(said, "session_id"),
		Strong:  text(said, "aal") == "aal2",
		Role:    text(said, v.role...),
		Proven:  proven(said["amr"]),
	}
	if nameless(c.Subject) {
		return Claims{}, errors.New("it is about nobody")
	}
	var err error
	if c.Organization, err = v.bound(said); err != nil {
		return c, err
	}
	if anonymous := said["is_anonymous"]; anonymous != nil && anonymous != false {
		return c, errors.New("it is about somebody who never said who they are")
	}
	if said["client_id"] != nil { // whom people let do something for them at the platform, they have not let restore it
		return c, errors.New("it was issued to an application that acts for somebody, by the OAuth server of the project")
	}
	if expires, err := said.GetExpirationTime(); err == nil && expires != nil {
		c.Expires = expires.Time
	}
	return c, nil
}

// Now returns the claims with e-mail, role and organization as the server knows them now, or an Error with
// CodeForbidden. Claims that are not its own, such as those that a hook writes into tokens, stay as they are.
func (v *Verifier) Now(c Claims, u User) (Claims, error) {
	now := map[string]any{appMetadata: u.App}
	c.Email = u.Email
	if v.role[0] == appMetadata {
		c.Role = text(now, v.role...)
	}
	if v.organization[0] == appMetadata {
		var err error
		if c.Organization, err = v.bound(now); err != nil {
			return Claims{}, keepsake.Errorf(keepsake.CodeForbidden, "What Supabase Auth says of you cannot be read: %w",
				errors.Join(ErrPerson, err))
		}
	}
	return c, nil
}

// claimPath refuses paths into what people write about themselves.
func claimPath(path, otherwise string) ([]string, error) {
	if path == "" {
		path = otherwise
	}
	steps := strings.Split(path, ".")
	if slices.Contains(steps, "") {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%q is no path into a token: write it like %s", path, otherwise)
	}
	if steps[0] == "user_metadata" || steps[0] == "raw_user_meta_data" {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"%q is written by users themselves, so it proves nothing: use a claim below app_metadata", path)
	}
	return steps, nil
}

// bound returns the organization that claims bind to, "" where there is no such claim. One that is there and names
// none, because it is empty, null, a list or whatever, binds all the same, nobody knows to what: read as none it would
// open the whole platform.
func (v *Verifier) bound(claims map[string]any) (string, error) {
	name, there, readable := find(claims, v.organization...)
	if !there {
		return "", nil
	}
	if !readable || nameless(name) {
		return "", fmt.Errorf("its claim %s is there and names no organization", strings.Join(v.organization, "."))
	}
	return name, nil
}

// nameless reports whether nothing of a text can be seen.
func nameless(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Mn, r) && r != '\u3164' && r != '\u2800'
	})
}

// text returns the text at a path; "" where there is none.
func text(claims map[string]any, path ...string) string {
	s, _, _ := find(claims, path...)
	return s
}

// find returns the text at a path, whether anything is there, and whether that is a text that can be kept: no database
// keeps a NUL, nor an index a text of any length. A number, as ids may be, counts as its digits.
func find(claims map[string]any, path ...string) (s string, there, readable bool) {
	var at any = claims
	for _, step := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return "", true, false
		}
		if at, ok = m[step]; !ok {
			return "", false, false
		}
	}
	switch v := at.(type) {
	case string:
		s, readable = v, !strings.ContainsRune(v, 0)
	case json.Number:
		s, readable = v.String(), strings.Trim(v.String(), "0123456789") == ""
	}
	if !readable || len(s) > longestClaim {
		return "", true, false
	}
	return s, true, true
}

// proven returns the newest moment at which a password or a code was given, of the ways in which somebody authenticated
// (amr).
func proven(amr any) (newest time.Time) {
	list, _ := amr.([]any)
	for _, entry := range list {
		way, _ := entry.(map[string]any)
		method, _ := way["method"].(string)
		number, _ := way["timestamp"].(json.Number)
		at, err := number.Int64()
		if (method == "password" || method == "totp" || strings.HasPrefix(method, "mfa/")) && err == nil && at > 0 {
			if t := time.Unix(at, 0); t.After(newest) {
				newest = t
			}
		}
	}
	return newest
}

// clip keeps what somebody else wrote short.
func clip(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
