package auth_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	d, sessions, clock := setup(t)
	session, _, err := sessions.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	actor := session.Actor
	in := auth.TokenInput{
		Name:        " deploy script ",
		Permissions: []keepsake.Permission{keepsake.MayRead, keepsake.MayBackup},
		Lifetime:    24 * time.Hour,
	}
	token, secret, err := sessions.CreateToken(t.Context(), actor, in)
	if err != nil || token.Name != "deploy script" || !strings.HasPrefix(secret.Reveal(), "ks_") ||
		len(secret.Reveal()) < 50 {
		t.Fatalf("%+v, %v", token, err)
	}
	who, err := sessions.ResolveToken(t.Context(), secret.Reveal(), "192.0.2.7")
	if err != nil || who.ID != actor.ID || who.Session != token.ID || who.May(keepsake.MayRestore) ||
		!who.May(keepsake.MayBackup) || !who.ProvenAt.IsZero() {
		t.Errorf("%+v, %v", who, err)
	}
	list, err := sessions.ListTokens(t.Context(), actor)
	if err != nil || len(list) != 1 || list[0].LastUsed.IsZero() || list[0].LastAddress != "192.0.2.7" {
		t.Errorf("%+v, %v", list, err)
	}
	var hashed, plain int
	err = d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		return tx.PG.QueryRow(t.Context(), "select count(*) filter (where token_hash = sha256($1::text::bytea)), count(*) "+
			"filter (where t::text like '%' || $1 || '%') from api_tokens t", secret.Reveal()).Scan(&hashed, &plain)
	})
	if err != nil || hashed != 1 || plain != 0 {
		t.Errorf("hashed %d, plain %d, %v", hashed, plain, err)
	}
	again := in
	again.ID = token.ID
	if _, _, err := sessions.CreateToken(t.Context(), actor, again); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("the same form again: %v", err)
	}
	for name, bad := range map[string]func(*auth.TokenInput){
		"no id":        func(in *auth.TokenInput) { in.ID = "1" },
		"no name":      func(in *auth.TokenInput) { in.Name = " " },
		"no scope":     func(in *auth.TokenInput) { in.Permissions = nil },
		"a wrong one":  func(in *auth.TokenInput) { in.Permissions = []keepsake.Permission{"erase"} },
		"for ever":     func(in *auth.TokenInput) { in.Lifetime = 10 * 365 * 24 * time.Hour },
		"for no time":  func(in *auth.TokenInput) { in.Lifetime = 0 },
		"a long story": func(in *auth.TokenInput) { in.Name = strings.Repeat("x", 101) },
	} {
		wrong := in
		bad(&wrong)
		if _, _, err := sessions.CreateToken(t.Context(), actor, wrong); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	late := actor
	late.ProvenAt = clock.now().Add(-6 * time.Minute)
	if _, _, err := sessions.CreateToken(t.Context(), late, in); keepsake.CodeOf(err) != keepsake.CodeProof {
		t.Errorf("a password given six minutes ago: %v", err)
	}
	// A token makes, shows and revokes no tokens.
	if _, _, err := sessions.CreateToken(t.Context(), who, in); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a token made a token: %v", err)
	}
	if err := sessions.RevokeToken(t.Context(), who, token.ID); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a token revoked a token: %v", err)
	}
	if err := sessions.RevokeToken(t.Context(),
		keepsake.Actor{ID: "00000000-0000-0000-0000-000000000000", Role: keepsake.RoleSuperAdmin}, token.ID); keepsake.CodeOf(
		err) != keepsake.CodeNotFound {
		t.Errorf("somebody else's token: %v", err)
	}
	if err := sessions.RevokeToken(t.Context(), actor, token.ID); err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{"revoked": secret.Reveal(), "unknown": "ks_nobody", "no token": "",
		"no prefix": strings.TrimPrefix(secret.Reveal(), "ks_")}
	_, old, err := sessions.CreateToken(t.Context(), actor, in)
	if err != nil {
		t.Fatal(err)
	}
	clock.add(25 * time.Hour)
	refused["expired"] = old.Reveal()
	var words string
	for name, token := range refused {
		_, err := sessions.ResolveToken(t.Context(), token, "")
		if keepsake.CodeOf(err) != keepsake.CodeForbidden || words != "" && keepsake.MessageOf(err) != words {
			t.Errorf("%s: %v", name, err)
		}
		words = keepsake.MessageOf(err)
	}
}

// TestRefusedTokensAreOnRecord: each that is known once an hour, and what nobody knows once an hour for an address.
func TestRefusedTokensAreOnRecord(t *testing.T) {
	t.Parallel()
	d, sessions, clock := setup(t)
	session, _, err := sessions.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	in := auth.TokenInput{
		Name:        "deploy script",
		Permissions: []keepsake.Permission{keepsake.MayRead},
		Lifetime:    24 * time.Hour,
	}
	token, secret, err := sessions.CreateToken(t.Context(), session.Actor, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.RevokeToken(t.Context(), session.Actor, token.ID); err != nil {
		t.Fatal(err)
	}
	ctx := keepsake.WithRequest(t.Context(), keepsake.Request{ID: "REQ1", UserAgent: "curl/8"})
	use := func(token, address string, times int) {
		t.Helper()
		for range times {
			if _, err := sessions.ResolveToken(ctx, token, address); keepsake.CodeOf(err) != keepsake.CodeForbidden {
				t.Fatalf("%s: %v", address, err)
			}
		}
	}
	use(secret.Reveal(), "192.0.2.7", 3)
	use(secret.Reveal(), "192.0.2.8", 1)
	for _, nonsense := range []string{"ks_nobody", "nonsense", "ks_\x00\xff"} {
		use(nonsense, "192.0.2.7", 2)
	}
	use("ks_nobody", "2001:db8::1", 1)
	use("ks_nobody", "2001:db8::2", 1) // the same customer
	clock.add(time.Hour)
	use(secret.Reveal(), "192.0.2.7", 2)
	page, err := audit.List(t.Context(), d, keepsake.System("test"), audit.Filter{Action: "token.use", Most: 100})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range page {
		got = append(got, strings.Join([]string{r.ActorName, r.Token, r.Target, r.Address, r.UserAgent, r.RequestID,
			string(r.Outcome), string(r.Detail)}, " "))
		if !r.Security || r.Session != "" {
			t.Errorf("%+v", r)
		}
	}
	revoked := "amelia@example.org " + token.ID + " " + token.ID +
		` 192.0.2.7 curl/8 REQ1 refused {"name":"deploy script","reason":"revoked"}`
	want := []string{revoked, `   2001:db8::1 curl/8 REQ1 refused {"reason":"unknown"}`,
		`   192.0.2.7 curl/8 REQ1 refused {"reason":"unknown"}`, revoked}
	if !slices.Equal(got, want) {
		t.Errorf("on record:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
