package repository

import (
	"crypto/hmac"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

var writeIdentity = flag.Bool("write-identity", false,
	"write the vector of a provider's identity, once per format version")

// vectorKeyring opens the repository of the vectors.
func vectorKeyring(t *testing.T, src KeySource) *Keyring {
	t.Helper()
	h, err := ParseHeader(readVector(t, "repository/"+HeaderKey))
	if err != nil {
		t.Fatal(err)
	}
	k, err := h.Unlock(src)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestProviderIdentity(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	k := vectorKeyring(t, KeySource{Key: keepsake.Secret(v.Key)})
	if *writeIdentity {
		i, err := k.NewIdentity("offsite", time.Date(2026, 11, 29, 16, 30, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		body, err := i.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(vectorDir, "repository", "provider.json"), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	body := readVector(t, "repository/provider.json")
	i, err := k.OpenIdentity(body)
	if err != nil || i.Name != "offsite" || len(i.Provider) != 32 || i.Repository != k.Repository() {
		t.Fatalf("%+v, %v", i, err)
	}
	writer, err := k.WriterKey()
	if err != nil {
		t.Fatal(err)
	}
	if read, err := vectorKeyring(t, KeySource{Writer: writer}).OpenIdentity(body); err != nil ||
		read.Provider != i.Provider {
		t.Errorf("a writer reads %+v, %v", read, err)
	}
	if _, err := vectorKeyring(t, KeySource{Writer: writer}).NewIdentity("x", time.Now()); err == nil {
		t.Error("a writer made an identity")
	}
	renamed, err := k.Rename(i, "far")
	if err != nil || renamed.Provider != i.Provider || renamed.Name != "far" || hmac.Equal(renamed.MAC, i.MAC) {
		t.Errorf("renamed %+v, %v", renamed, err)
	}
}

// TestIdentityThatNobodyWrote changes each field, and gives what is no identity at all.
func TestIdentityThatNobodyWrote(t *testing.T) {
	t.Parallel()
	k := vectorKeyring(t, KeySource{Key: keepsake.Secret(readVectors(t).Key)})
	body := string(readVector(t, "repository/provider.json"))
	i, err := k.OpenIdentity([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body string
		code keepsake.Code
	}{
		"another name":       {strings.Replace(body, "offsite", "onsite", 1), keepsake.CodeDamaged},
		"another provider":   {strings.Replace(body, i.Provider[:4], "0000", 1), keepsake.CodeDamaged},
		"no provider":        {strings.Replace(body, i.Provider, "x", 1), keepsake.CodeDamaged},
		"another time":       {strings.Replace(body, "2026-", "2025-", 1), keepsake.CodeDamaged},
		"another repository": {strings.Replace(body, i.Repository[:4], "0000", 1), keepsake.CodeConflict},
		"another format":     {strings.Replace(body, `"format": 1`, `"format": 2`, 1), keepsake.CodeUnsupported},
		"cut short":          {body[:len(body)/2], keepsake.CodeDamaged},
		"empty":              {"", keepsake.CodeDamaged},
		"null":               {"null", keepsake.CodeUnsupported},
	} {
		if _, err := k.OpenIdentity([]byte(c.body)); keepsake.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// FuzzOpenIdentity reads what a provider might hold in its place.
func FuzzOpenIdentity(f *testing.F) {
	f.Add([]byte(`{"format": 1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, k, err := Create(CreateOptions{Key: NewKeyFile()})
		if err != nil {
			t.Fatal(err)
		}
		if i, err := k.OpenIdentity(body); err == nil {
			t.Errorf("%q opens as %+v", body, i)
		}
	})
}
