// Package gotrue speaks with Supabase Auth (GoTrue): it signs people in by password and second factor, keeps their
// sign-in alive, and verifies the tokens that it issues. What a token says of its bearer is believed only where its
// bearer cannot write it.
//
// The endpoints and their answers are those of GoTrue 2.196, https://github.com/supabase/auth/blob/master/openapi.yaml.
package gotrue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// answerTime is how long the server may take for an answer.
	answerTime = 10 * time.Second
	// longestAnswer bounds an answer, in bytes. A user with many identities has a few kilobytes.
	longestAnswer = 1 << 20
)

var (
	// ErrRefused is what the server says of credentials, a code or a refresh token that it does not take. Which of the
	// reasons it was is in the chain for a log, and never for whoever tried.
	ErrRefused = errors.New("the auth server refused it")
	// ErrBusy is what the server says when it has been asked too often.
	ErrBusy = errors.New("the auth server has been asked too often")
)

// Client asks one server. It is safe for concurrent use.
type Client struct {
	base *url.URL
	key  keepsake.Secret
	http *http.Client
}

// NewClient returns a client of the server at base, such as https://ref.supabase.co/auth/v1, with the project's
// publishable key. It asks nothing yet.
func NewClient(base string, key keepsake.Secret) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil ||
		strings.ContainsAny(base, "?#") {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"this is not the address of an auth server: write it as https://PROJECT.supabase.co/auth/v1")
	}
	return &Client{base: u, key: key, http: newHTTP()}, nil
}

// newHTTP returns a client that follows nobody elsewhere with what it carries, and reads no answer without end.
func newHTTP() *http.Client {
	return &http.Client{
		Timeout:       answerTime,
		Transport:     bounded{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, longestAnswer)
	}
	return resp, err
}

// Tokens are what a person is signed in with.
type Tokens struct {
	Access, Refresh keepsake.Secret
}

// Factor is a second factor that its owner has verified.
type Factor struct{ ID, Kind string }

// Totp reports whether the factor is answered by a code of an authenticator, the one kind that Keepsake can ask for.
func (f Factor) Totp() bool { return f.Kind == "totp" }

// SignIn exchanges e-mail and password. The error is ErrRefused for any reason that lies in them.
func (c *Client) SignIn(ctx context.Context, email string, password keepsake.Secret) (Tokens, error) {
	return c.token(ctx, "password", map[string]string{"email": email, "password": password.Reveal()})
}

// Refresh exchanges a refresh token, which is thereby spent. The error is ErrRefused when the person has been signed
// out, banned or removed.
func (c *Client) Refresh(ctx context.Context, refresh keepsake.Secret) (Tokens, error) {
	return c.token(ctx, "refresh_token", map[string]string{"refresh_token": refresh.Reveal()})
}

func (c *Client) token(ctx context.Context, grant string, body any) (Tokens, error) {
	var a tokenAnswer
	if err := c.ask(ctx, http.MethodPost, "/token?grant_type="+grant, "", body, &a); err != nil {
		return Tokens{}, err
	}
	return a.tokens()
}

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func (a tokenAnswer) tokens() (Tokens, error) {
	if a.AccessToken == "" || a.RefreshToken == "" {
		return Tokens{}, unreachable(errors.New("its answer holds no tokens"))
	}
	return Tokens{Access: keepsake.Secret(a.AccessToken), Refresh: keepsake.Secret(a.RefreshToken)}, nil
}

// User is what the server knows of a person now, where a token says what it knew when it was issued.
type User struct {
	Email   string
	Factors []Factor // that are verified
	App     any      // what only an administrator writes (app_metadata); an object, as a rule
	Banned  bool     // nothing is issued to them any more, and what was issued before still works there
}

// User returns who has the access token. The error is ErrRefused when the sign-in that it belongs to has ended, and
// ErrPerson when what the server says of the person is of another shape than its own.
func (c *Client) User(ctx context.Context, access keepsake.Secret) (User, error) {
	var raw json.RawMessage
	if err := c.ask(ctx, http.MethodGet, "/user", access, nil, &raw); err != nil {
		return User{}, err
	}
	var said struct {
		Factors []struct {
			ID     string `json:"id"`
			Type   string `json:"factor_type"`
			Status string `json:"status"`
		} `json:"factors"`
		App         any       `json:"app_metadata"`
		Email       string    `json:"email"`
		BannedUntil time.Time `json:"banned_until"`
	}
	reading := json.NewDecoder(bytes.NewReader(raw))
	reading.UseNumber() // ids keep their digits
	if err := reading.Decode(&said); err != nil {
		return User{}, keepsake.Errorf(keepsake.CodeForbidden, "What Supabase Auth says of you cannot be read: %w",
			errors.Join(ErrPerson, err))
	}
	u := User{Email: said.Email, App: said.App, Banned: said.BannedUntil.After(time.Now())}
	for _, f := range said.Factors {
		if f.Status == "verified" {
			u.Factors = append(u.Factors, Factor{ID: f.ID, Kind: f.Type})
		}
	}
	return u, nil
}

// VerifyFactor gives a code of a second factor. What it returns takes the place of the access token and its refresh
// token.
func (c *Client) VerifyFactor(
	ctx context.Context, access keepsake.Secret, factor string, code keepsake.Secret,
) (Tokens, error) {
	path := "/factors/" + url.PathEscape(factor)
	var challenge struct {
		ID string `json:"id"`
	}
	if err := c.ask(ctx, http.MethodPost, path+"/challenge", access, map[string]string{}, &challenge); err != nil {
		return Tokens{}, err
	}
	var a tokenAnswer
	if err := c.ask(ctx, http.MethodPost, path+"/verify", access,
		map[string]string{"challenge_id": challenge.ID, "code": code.Reveal()}, &a); err != nil {
		return Tokens{}, err
	}
	return a.tokens()
}

// SignOut ends this one sign-in at the server.
func (c *Client) SignOut(ctx context.Context, access keepsake.Secret) error {
	return c.ask(ctx, http.MethodPost, "/logout?scope=local", access, map[string]string{}, nil)
}

// Ping asks the server whether it is there.
func (c *Client) Ping(ctx context.Context) error {
	return c.ask(ctx, http.MethodGet, "/health", "", nil, nil)
}

// problem is how the server says what went wrong; older versions use the last two.
type problem struct {
	Code        string `json:"error_code"`
	Message     string `json:"msg"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// ask sends one request. Neither what is sent nor what comes back stands in an error, but for the server's own error
// code.
func (c *Client) ask(ctx context.Context, method, path string, access keepsake.Secret, body, answer any) error {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request to the auth server: %w", err)
		}
		sent = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base.String(), "/")+path, sent)
	if err != nil {
		return fmt.Errorf("make the request to the auth server: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		r.Header.Set("Apikey", c.key.Reveal())
	}
	if access != "" {
		r.Header.Set("Authorization", "Bearer "+access.Reveal())
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return unreachable(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return failure(resp)
	}
	if answer == nil {
		return nil
	}
	said := json.NewDecoder(resp.Body)
	said.UseNumber() // ids keep their digits
	if err := said.Decode(answer); err != nil {
		return unreachable(fmt.Errorf("its answer cannot be read: %w", err))
	}
	return nil
}

// failure tells what lies in the request from what lies in the server.
func failure(resp *http.Response) error {
	var p problem
	if json.NewDecoder(resp.Body).Decode(&p) != nil {
		p = problem{}
	}
	said := fmt.Errorf("%d %s", resp.StatusCode, cmp.Or(p.Code, p.Error, "without a reason"))
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"Supabase Auth has been asked too often and refuses everybody for a while. Try again in a minute, or sign in with "+
				"a local account: %w", errors.Join(ErrBusy, said))
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusUnprocessableEntity:
		if p == (problem{}) { // whatever answered there, it was no auth server
			return unreachable(said)
		}
		return fmt.Errorf("%w: %w", ErrRefused, said)
	}
	return unreachable(said)
}

// unreachable is a server that gives no answer to go by.
func unreachable(err error) error {
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"Supabase Auth does not answer, so nobody can sign in with it now. Nothing is wrong with your password. A local "+
			"account still signs in: %w", err)
}
