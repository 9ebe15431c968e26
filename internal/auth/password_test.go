package auth

import (
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// realCost is what the product uses; the other tests hash cheaply, because the race detector makes Argon2 slow.
var realCost = cost

func init() {
	cost = params{memory: 64, time: 1, threads: 1}
	unknown = cost.encode(make([]byte, saltSize), make([]byte, keySize))
}

func TestHashesAreWhatTheyCost(t *testing.T) {
	t.Parallel()
	key, err := derive(t.Context(), "correct horse battery", make([]byte, saltSize), realCost, keySize)
	if err != nil {
		t.Fatal(err)
	}
	phc := realCost.encode(make([]byte, saltSize), key)
	if want := "$argon2id$v=19$m=47104,t=2,p=1$"; len(phc) < len(want) || phc[:len(want)] != want {
		t.Errorf("the cost of a password: %s, want %s…", phc, want)
	}
	for _, c := range []struct {
		password keepsake.Secret
		want     bool
	}{{"correct horse battery", true}, {"correct horse batterz", false}, {"", false}} {
		if ok, err := verifyPassword(t.Context(), c.password, phc); ok != c.want || err != nil {
			t.Errorf("%q: %v, %v, want %v", c.password.Reveal(), ok, err, c.want)
		}
	}
}

func TestUnreadableHashesAreErrors(t *testing.T) {
	t.Parallel()
	for _, phc := range []string{"", "$argon2id$",
		"$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=16$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=1,p=1$!$AAAA"} {
		if ok, err := verifyPassword(t.Context(), "x", phc); ok || err == nil {
			t.Errorf("%q: %v, %v, want an error", phc, ok, err)
		}
	}
}
