package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// params are the cost of one Argon2id hash, as a PHC string carries them.
type params struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// cost is what new hashes use: OWASP's choice for machines that have other work to do.
var cost = params{memory: 46 * 1024, time: 2, threads: 1}

const (
	saltSize = 16
	keySize  = 32
	// Bounds on what a stored hash may ask for, so that a row cannot exhaust this process.
	mostMemory = 256 * 1024
	mostTime   = 16
	swept      = 16 * 1024 // KiB of a hash after which its memory is taken back at once
	// The lengths of a password, in characters.
	shortestPassword = 12
	longestPassword  = 256
)

// strangers is how many sign-ins are judged at once: half of the processors, so that the other half serves those who
// are signed in.
var strangers = max(1, runtime.GOMAXPROCS(0)/2)

// hashing bounds how many hashes run at once, and with it the memory that they take. One more than strangers get: who
// is signed in and gives their password again waits for nobody's sign-in.
var hashing = make(chan struct{}, strangers+1)

// unknown is verified for accounts that do not exist, so that they take as long as those that do.
var unknown = params.encode(cost, make([]byte, saltSize), make([]byte, keySize))

// checkPassword refuses what nobody should use.
func checkPassword(p keepsake.Secret) error {
	switch n := utf8.RuneCountInString(p.Reveal()); {
	case n < shortestPassword:
		return keepsake.Errorf(keepsake.CodeInvalid,
			"the password has %d characters; choose at least %d", n, shortestPassword)
	case n > longestPassword:
		return keepsake.Errorf(keepsake.CodeInvalid, "the password has %d characters; choose at most %d", n, longestPassword)
	}
	return nil
}

// hashPassword returns the PHC string of a password with a fresh salt.
func hashPassword(ctx context.Context, p keepsake.Secret) (string, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	key, err := derive(ctx, p, salt, cost, keySize)
	if err != nil {
		return "", err
	}
	return cost.encode(salt, key), nil
}

// verifyPassword compares in constant time. A hash that cannot be read is an error, not a mismatch.
func verifyPassword(ctx context.Context, p keepsake.Secret, phc string) (bool, error) {
	c, salt, want, err := decode(phc)
	if err != nil {
		return false, err
	}
	got, err := derive(ctx, p, salt, c, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func derive(ctx context.Context, p keepsake.Secret, salt []byte, c params, size uint32) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
		key := argon2.IDKey([]byte(p.Reveal()), salt, c.time, c.memory, c.threads, size)
		if c.memory >= swept {
			// the next hash takes the memory of this one; left to itself the heap grows to several of them before it is looked
			// at
			runtime.GC()
		}
		return key, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c params) encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

func decode(phc string) (params, []byte, []byte, error) {
	var c params
	bad := func(what string) (params, []byte, []byte, error) {
		return c, nil, nil, fmt.Errorf("stored password hash: %s", what)
	}
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" {
		return bad("not an Argon2id PHC string")
	}
	if part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad("unknown version " + part[2])
	}
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads); n != 3 || err != nil {
		return bad("unreadable cost")
	}
	if c.memory < 8 || c.memory > mostMemory || c.time < 1 || c.time > mostTime || c.threads < 1 {
		return bad("cost out of bounds")
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil || len(salt) < 8 {
		return bad("unreadable salt")
	}
	key, err := base64.RawStdEncoding.DecodeString(part[5])
	if err != nil || len(key) < 16 || len(key) > 64 {
		return bad("unreadable key")
	}
	return c, salt, key, nil
}
