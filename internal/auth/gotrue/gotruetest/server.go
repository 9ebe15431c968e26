// Package gotruetest is a server of the exact shape of Supabase Auth (GoTrue 2.196) as far as Keepsake speaks with it,
// for tests: the real one cannot be built from Go modules.
package gotruetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"
)

// Secret is what a server without keys of its own signs with.
const Secret = "a-jwt-secret-of-a-self-hosted-project"

// Key is the publishable key that every request must carry.
const Key = "sb_publishable_test"

// TokenTime is how long an access token is valid.
const TokenTime = time.Hour

// User is somebody who has an account there.
type User struct {
	ID, Email, Password string
	AppMetadata         map[string]any // which only an administrator writes
	UserMetadata        map[string]any // which the user writes
	// TOTP is the secret of a verified authenticator; empty: none. FactorID is its id.
	TOTP, FactorID string
	// Spare is the secret of another authenticator that is verified too, with an id of its own; empty: none.
	Spare  string
	Banned bool
}

// Server is the stand-in. Its fields may be set before requests come, its methods called at any time.
type Server struct {
	URL string

	mu         sync.Mutex
	users      map[string]*User   // by e-mail
	refresh    map[string]*signIn // by refresh token
	spent      map[string]bool
	access     map[string]*signIn
	challenges map[string]string // challenge → factor
	keys       []key             // the last one signs; none: Secret does
	down       bool
	keysDown   bool
	busy       bool
	weak       bool
	lost       bool
	hung       chan struct{} // closed when it goes on
	asked      chan struct{} // one for each request that hangs
	refreshed  int
	keyReads   int
	issued     time.Duration // how far from now tokens are issued
}

type key struct {
	id      string
	private *ecdsa.PrivateKey
}

type signIn struct {
	user    *User
	session string
	amr     []map[string]any
	aal     string
	over    bool
	// current is the refresh token that is good, parent the one that it was given for.
	current, parent string
}

// New starts a server that ends with the test. asymmetric: it publishes ES256 keys instead of signing with Secret.
func New(t testing.TB, asymmetric bool, users ...User) *Server {
	t.Helper()
	s := &Server{
		users:      map[string]*User{},
		refresh:    map[string]*signIn{},
		spent:      map[string]bool{},
		access:     map[string]*signIn{},
		challenges: map[string]string{},
	}
	if asymmetric {
		s.Rotate(t)
	}
	for _, u := range users {
		s.SetUser(u)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter,
		_ *http.Request) {
		reply(w, 200, map[string]string{"name": "GoTrue"})
	})
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /user", s.user)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("POST /factors/{id}/challenge", s.challenge)
	mux.HandleFunc("POST /factors/{id}/verify", s.verify)
	mux.HandleFunc("GET /.well-known/jwks.json", s.jwks)
	server := httptest.NewServer(s.guard(mux))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// SetUser adds a user, or replaces the one with that e-mail.
func (s *Server) SetUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.ID == "" {
		u.ID = uuid.NewSHA1(uuid.NameSpaceURL, []byte(u.Email)).String()
	}
	if u.TOTP != "" && u.FactorID == "" {
		u.FactorID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("factor "+u.Email)).String()
	}
	if old := s.users[u.Email]; old != nil {
		*old = u // those who are signed in are the same user
		return
	}
	s.users[u.Email] = &u
}

// SetDown makes the whole server answer 503.
func (s *Server) SetDown(down bool) { s.set(func() { s.down = down }) }

// SetKeysDown makes only its published keys answer 503.
func (s *Server) SetKeysDown(down bool) { s.set(func() { s.keysDown = down }) }

// SetBusy makes it answer 429.
func (s *Server) SetBusy(busy bool) { s.set(func() { s.busy = busy }) }

// Hang makes the server take requests and not answer until goOn is called. asked receives once for each of them.
func (s *Server) Hang() (asked <-chan struct{}, goOn func()) {
	hung, came := make(chan struct{}), make(chan struct{}, 100)
	s.set(func() { s.hung, s.asked = hung, came })
	return came, sync.OnceFunc(func() {
		s.set(func() { s.hung = nil })
		close(hung)
	})
}

// SetWeak makes the server take a code and issue tokens that say nothing of it, as no real one does.
func (s *Server) SetWeak(weak bool) { s.set(func() { s.weak = weak }) }

// SetLost makes the server do what it is asked, and its answers get lost on the way.
func (s *Server) SetLost(lost bool) { s.set(func() { s.lost = lost }) }

// SetIssued makes tokens that were issued so long before now.
func (s *Server) SetIssued(ago time.Duration) { s.set(func() { s.issued = ago }) }

func (s *Server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Refreshed is how often a refresh token was exchanged.
func (s *Server) Refreshed() (n int) { s.set(func() { n = s.refreshed }); return n }

// KeyReads is how often the published keys were read.
func (s *Server) KeyReads() (n int) { s.set(func() { n = s.keyReads }); return n }

// SignedIn is how many sign-ins have not ended.
func (s *Server) SignedIn() (n int) {
	s.set(func() {
		open := map[string]bool{}
		for _, in := range s.refresh {
			if !in.over {
				open[in.session] = true
			}
		}
		n = len(open)
	})
	return n
}

// Rotate makes a new key sign, and publishes it instead of the old ones.
func (s *Server) Rotate(t testing.TB) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.set(func() { s.keys = []key{{uuid.NewString(), private}} })
}

// PublicKey is the bytes of the key that signs now, as an attacker can read them.
func (s *Server) PublicKey(t testing.TB) []byte {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.keys[len(s.keys)-1].private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Sign signs claims as the server does. change may be nil; it changes header and claims first.
func (s *Server) Sign(t testing.TB, u User, change func(header, claims map[string]any)) string {
	t.Helper()
	s.SetUser(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	in := &signIn{
		user:    s.users[u.Email],
		session: uuid.NewString(),
		aal:     "aal1",
		amr:     []map[string]any{{"method": "password", "timestamp": time.Now().Unix()}},
	}
	token, err := s.sign(in, change)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (s *Server) sign(in *signIn, change func(header, claims map[string]any)) (string, error) {
	now := time.Now().Add(-s.issued)
	app := map[string]any{"provider": "email", "providers": []string{"email"}}
	for k, v := range in.user.AppMetadata {
		app[k] = v
	}
	claims := jwt.MapClaims{"iss": s.URL, "sub": in.user.ID, "aud": "authenticated", "exp": now.Add(TokenTime).Unix(),
		"iat": now.Unix(), "email": in.user.Email, "phone": "",
		"app_metadata": app, "user_metadata": in.user.UserMetadata, "role": "authenticated", "aal": in.aal, "amr": in.amr,
		"session_id": in.session, "is_anonymous": false}
	token, signer := jwt.NewWithClaims(jwt.SigningMethodHS256, claims), any([]byte(Secret))
	if len(s.keys) > 0 {
		k := s.keys[len(s.keys)-1]
		token, signer = jwt.NewWithClaims(jwt.SigningMethodES256, claims), k.private
		token.Header["kid"] = k.id
	}
	if change != nil {
		change(token.Header, claims)
	}
	return token.SignedString(signer)
}

func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		down, busy, lost, hung, asked := s.down, s.busy, s.lost, s.hung, s.asked
		s.mu.Unlock()
		if hung != nil {
			asked <- struct{}{}
			<-hung
		}
		switch {
		case down:
			w.WriteHeader(http.StatusServiceUnavailable)
		case busy:
			refuse(w, http.StatusTooManyRequests, "over_request_rate_limit", "Request rate limit reached")
		case r.Header.Get("Apikey") != Key && !strings.HasPrefix(r.URL.Path, "/.well-known/"):
			reply(w, http.StatusUnauthorized, map[string]string{"message": "No API key found in request"})
		case lost:
			next.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusGatewayTimeout)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		Refresh  string `json:"refresh_token"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, 400, "bad_json", "Could not parse request body as JSON")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Query().Get("grant_type") {
	case "password":
		u := s.users[in.Email]
		switch {
		case u == nil || u.Password != in.Password:
			refuse(w, 400, "invalid_credentials", "Invalid login credentials")
		case u.Banned:
			refuse(w, 400, "user_banned", "User is banned")
		default:
			s.grant(w, &signIn{
				user:    u,
				session: uuid.NewString(),
				aal:     "aal1",
				amr:     []map[string]any{{"method": "password", "timestamp": time.Now().Add(-s.issued).Unix()}},
			})
		}
	case "refresh_token":
		s.exchange(w, in.Refresh)
	default:
		refuse(w, 400, "validation_failed", "unsupported_grant_type")
	}
}

// exchange takes a refresh token. The last one that was spent is taken again, for what was given for it: its answer may
// have been lost. One that was spent before that is a theft to the server, which takes none of the sign-in's after it.
func (s *Server) exchange(w http.ResponseWriter, token string) {
	in := s.refresh[token]
	switch {
	case in == nil || in.over || s.users[in.user.Email] == nil:
		refuse(w, 400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
	case in.user.Banned:
		refuse(w, 400, "user_banned", "User is banned")
	case s.spent[token] && token == in.parent:
		s.answer(w, in)
	case s.spent[token]:
		s.spent[in.current], in.parent = true, ""
		refuse(w, 400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
	default:
		s.refreshed++
		s.grant(w, in)
	}
}

// grant answers with new tokens of a sign-in, and spends its refresh token.
func (s *Server) grant(w http.ResponseWriter, in *signIn) {
	s.spent[in.current] = true
	in.parent, in.current = in.current, rand.Text()[:12]
	s.refresh[in.current] = in
	s.answer(w, in)
}

func (s *Server) answer(w http.ResponseWriter, in *signIn) {
	access, err := s.sign(in, nil)
	if err != nil {
		refuse(w, 500, "unexpected_failure", err.Error())
		return
	}
	s.access[access] = in
	reply(w, 200, map[string]any{"access_token": access, "token_type": "bearer", "expires_in": int(TokenTime.Seconds()),
		"expires_at":    time.Now().Add(TokenTime).Unix(),
		"refresh_token": in.current, "user": userOf(in.user)})
}

func userOf(u *User) map[string]any {
	out := map[string]any{"id": u.ID, "aud": "authenticated", "role": "authenticated", "email": u.Email,
		"app_metadata": u.AppMetadata, "user_metadata": u.UserMetadata}
	if u.Banned { // who has a token already is still told who they are
		out["banned_until"] = time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)
	}
	if u.TOTP != "" {
		factors := []map[string]any{{"id": uuid.NewString(), "factor_type": "totp", "status": "unverified"},
			{"id": u.FactorID, "factor_type": "totp", "status": "verified", "friendly_name": "phone"}}
		if u.Spare != "" {
			factors = append(factors, map[string]any{"id": u.spareID(), "factor_type": "totp", "status": "verified",
				"friendly_name": "tablet"})
		}
		out["factors"] = factors
	}
	return out
}

func (u *User) spareID() string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("spare of "+u.Email)).String()
}

// secret returns what one of the user's verified authenticators computes its codes from; "" for none of theirs.
func (u *User) secret(factor string) string {
	switch factor {
	case u.FactorID:
		return u.TOTP
	case u.spareID():
		return u.Spare
	}
	return ""
}

// bearer returns the sign-in of a request; nil after answering.
func (s *Server) bearer(w http.ResponseWriter, r *http.Request) *signIn {
	in := s.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if in == nil || in.over {
		refuse(w, http.StatusForbidden, "session_not_found", "Session from session_id claim in JWT does not exist")
		return nil
	}
	return in
}

func (s *Server) user(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in := s.bearer(w, r); in != nil {
		reply(w, 200, userOf(in.user))
	}
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in := s.bearer(w, r); in != nil {
		in.over = true
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) challenge(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.bearer(w, r)
	if in == nil {
		return
	}
	if in.user.secret(r.PathValue("id")) == "" {
		refuse(w, http.StatusNotFound, "mfa_factor_not_found", "Factor not found")
		return
	}
	id := uuid.NewString()
	s.challenges[id] = r.PathValue("id")
	reply(w, 200, map[string]any{"id": id, "type": "totp", "expires_at": time.Now().Add(5 * time.Minute).Unix()})
}

func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	var said struct {
		Challenge string `json:"challenge_id"`
		Code      string `json:"code"`
	}
	if json.NewDecoder(r.Body).Decode(&said) != nil {
		refuse(w, 400, "bad_json", "Could not parse request body as JSON")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.bearer(w, r)
	if in == nil {
		return
	}
	switch {
	case in.user.secret(r.PathValue("id")) == "":
		refuse(w, http.StatusNotFound, "mfa_factor_not_found", "Factor not found")
	case s.challenges[said.Challenge] != r.PathValue("id"):
		refuse(w, http.StatusUnprocessableEntity, "mfa_challenge_expired",
			"MFA challenge has expired, verify against another challenge or create a new challenge.")
	case !totp.Validate(said.Code, in.user.secret(r.PathValue("id"))):
		refuse(w, http.StatusUnprocessableEntity, "mfa_verification_failed", "Invalid TOTP code entered")
	default:
		delete(s.challenges, said.Challenge)
		if !s.weak {
			in.aal = "aal2"
		}
		in.amr = append(in.amr, map[string]any{"method": "totp", "timestamp": time.Now().Unix()})
		s.grant(w, in)
	}
}

func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keyReads++
	if s.keysDown {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	list := []map[string]any{}
	for _, k := range s.keys {
		point, err := k.private.PublicKey.Bytes() // 4, x, y
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		list = append(list, map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": k.id, "use": "sig",
			"key_ops": []string{"verify"},
			"x":       base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])})
	}
	reply(w, 200, map[string]any{"keys": list})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, map[string]any{"code": status, "error_code": code, "msg": message})
}
