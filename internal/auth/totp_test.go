package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestCodesAreThoseOfTheRFC: the vectors of RFC 6238, appendix B, whose last six of eight digits are what an
// authenticator shows.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	for at, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924",
		2000000000: "279037", 20000000000: "353130"} {
		for off, want := range map[int64]bool{-60: false, -30: true, 0: true, 30: true, 60: false} {
			step, ok := matchStep(secret, code, time.Unix(at/30*30+off, 0))
			if ok != want || ok && step != at/30 {
				t.Errorf("%s of %d, %d s off: step %d, %v, want %v", code, at, off, step, ok, want)
			}
		}
	}
	for _, code := range []string{"", "28708", "2870820", "287083", "94287082"} {
		if _, ok := matchStep(secret, code, time.Unix(59, 0)); ok {
			t.Errorf("%q is taken", code)
		}
	}
}

func TestCodesAreReadAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string][2]string{
		"123456": {factorTOTP, "123456"}, " 123 456 ": {factorTOTP, "123456"}, "123-456": {factorTOTP, "123456"}, "12345": {},
		"1234567": {}, "12345a": {}, "": {}, "١٢٣٤٥٦": {},
		"abcd-efgh-2345-wxyz": {factorRecovery, "abcdefgh2345wxyz"},
		"ABCD EFGH 2345 WXYZ": {factorRecovery, "abcdefgh2345wxyz"}, "abcd-efgh-2345-wxy": {}, "abcd-efgh-2345-wxy1": {},
	} {
		if kind, code := readCode(keepsake.Secret(typed)); kind != want[0] || code != want[1] {
			t.Errorf("%q is %q %q, want %q", typed, kind, code, want)
		}
	}
}

func TestRecoveryCodesAreTenAndDiffer(t *testing.T) {
	t.Parallel()
	codes, hashes := newRecoveryCodes()
	seen := map[keepsake.Secret]bool{}
	for i, code := range codes {
		kind, plain := readCode(code)
		if kind != factorRecovery || string(recoveryHash(plain)) != string(hashes[i]) ||
			strings.Count(code.Reveal(), "-") != 3 {
			t.Errorf("%q is no recovery code", code.Reveal())
		}
		seen[code] = true
	}
	if len(seen) != RecoveryCodes {
		t.Errorf("%d different codes", len(seen))
	}
}
