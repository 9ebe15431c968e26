package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// What every authenticator understands (RFC 6238): six digits of HMAC-SHA-1, new every 30 seconds. One step to either
// side is taken too, for clocks that differ and people who type slowly.
const (
	codePeriod = 30 // seconds
	codeSkew   = 1  // steps
	codeDigits = otp.DigitsSix
	secretSize = 20 // bytes, as RFC 4226 recommends
)

// RecoveryCodes is how many recovery codes an account has when they are new.
const RecoveryCodes = 10

// recoverySize is how many random bytes are in a recovery code: 80 bits, so that a plain hash of it is enough.
const recoverySize = 10

// issuer is the name that an authenticator shows above the e-mail.
const issuer = "Keepsake"

var codeText = base32.StdEncoding.WithPadding(base32.NoPadding)

// newSecret makes what an authenticator computes its codes from.
func newSecret() []byte {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	return secret
}

// enrolment is the secret as people type it, and as an authenticator reads it.
func enrolment(email string, secret []byte) (text, link keepsake.Secret, err error) {
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer:      issuer,
		AccountName: email,
		Secret:      secret,
		Period:      codePeriod,
		Digits:      codeDigits,
		Algorithm:   otp.AlgorithmSHA1,
	})
	if err != nil {
		return "", "", fmt.Errorf("write the secret for an authenticator: %w", err)
	}
	return keepsake.Secret(key.Secret()), keepsake.Secret(key.URL()), nil
}

// matchStep returns the time step whose code this is, among those that are taken at this moment. It computes and
// compares all of them whatever it finds, so that how long it takes says nothing.
func matchStep(secret []byte, code string, at time.Time) (step int64, ok bool) {
	now := at.Unix() / codePeriod
	for i := now - codeSkew; i <= now+codeSkew; i++ {
		want, err := hotp.GenerateCodeCustom(codeText.EncodeToString(secret), uint64(max(i, 0)),
			hotp.ValidateOpts{Digits: codeDigits, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = i, true
		}
	}
	return step, ok
}

// newRecoveryCodes makes the codes that a person keeps on paper, and the hashes that are all that is kept here.
func newRecoveryCodes() (codes []keepsake.Secret, hashes [][]byte) {
	for range RecoveryCodes {
		b := make([]byte, recoverySize)
		_, _ = rand.Read(b) // never fails
		code := strings.ToLower(codeText.EncodeToString(b))
		codes = append(codes, keepsake.Secret(inFours(code, "-")))
		hashes = append(hashes, recoveryHash(code))
	}
	return codes, hashes
}

// recoveryHash is what is kept of a recovery code.
func recoveryHash(code string) []byte {
	sum := sha256.Sum256([]byte("keepsake recovery code v1\x00" + code))
	return sum[:]
}

// The kinds of code that people type.
const (
	factorTOTP     = "totp"
	factorRecovery = "recovery_code"
)

// readCode takes off what people add when they type a code, and says which kind it is; "" for neither.
func readCode(typed keepsake.Secret) (kind, code string) {
	code = strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\t", "", "\u00a0", "", "\u2013", "").Replace(
		typed.Reveal()))
	switch {
	case len(code) == codeDigits.Length() && strings.Trim(code, "0123456789") == "":
		return factorTOTP, code
	case len(code) == codeText.EncodedLen(recoverySize) && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz234567") == "":
		return factorRecovery, code
	}
	return "", ""
}

// inFours parts a text into groups of four, for eyes and fingers.
func inFours(s, between string) string {
	var groups []string
	for len(s) > 4 {
		groups, s = append(groups, s[:4]), s[4:]
	}
	return strings.Join(append(groups, s), between)
}
