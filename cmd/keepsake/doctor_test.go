package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/testenv"
)

// bucketWorld is a world with one directory and one bucket, whose lines of the configuration are given.
func bucketWorld(t *testing.T, provider string) *world {
	t.Helper()
	w := newWorld(t, nil, season...)
	w.write(t, w.config, "platform: {url: \"${PLATFORM}\"}\nkey: {file: ./keepsake.key}\nproviders:\n  - {name: disk, "+
		"type: file, path: ./repo}\n"+provider)
	w.must(t, exitDone, "init")
	return w
}

func s3Provider(b testenv.S3Bucket, endpoint string) string {
	return fmt.Sprintf("  - {name: bucket, type: s3, endpoint: %q, region: %s, bucket: %s, path_style: true, "+
		"access_key_id: %s, secret_access_key: %s}\n",
		endpoint, testenv.Region, b.Name, b.AccessKey, b.SecretKey)
}

// TestDoctorTriesTheLargestObject at a bucket that takes small ones only, as one with a size limit does.
func TestDoctorTriesTheLargestObject(t *testing.T) {
	t.Parallel()
	b := testenv.S3(t)
	to, err := url.Parse(b.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	// the host is signed
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
	limited := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.ContentLength < 4<<20 {
			behind.ServeHTTP(rw, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", "application/xml")
		rw.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(rw,
			`<?xml version="1.0" encoding="UTF-8"?><Error><Code>EntityTooLarge</Code>`+
				`<Message>The object exceeded the maximum allowed size</Message></Error>`)
	}))
	t.Cleanup(limited.Close)
	w := bucketWorld(t, s3Provider(b, limited.URL))
	o := w.must(t, exitFailed, "doctor")
	for _, says := range []string{"error  provider bucket", "It takes small objects, but not one of ",
		"MiB, which a backup may write", "Raise the size limit of the bucket"} {
		if !strings.Contains(o.out, says) {
			t.Errorf("doctor does not say %q:\n%s", says, o.out)
		}
	}
}

// TestDoctorWarnsOfAPublicBucket of both kinds, and of no private one.
func TestDoctorWarnsOfAPublicBucket(t *testing.T) {
	t.Parallel()
	open, private, gcs := testenv.LyingS3(t), testenv.S3(t), testenv.GCS(t)
	for name, c := range map[string]struct {
		provider string
		warns    bool
	}{
		"open S3 bucket":    {s3Provider(open, open.Endpoint), true},
		"private S3 bucket": {s3Provider(private, private.Endpoint), false},
		"open GCS bucket": {fmt.Sprintf("  - {name: bucket, type: gcs, endpoint: %q, bucket: %s, credentials_file: %q}\n",
			gcs.Endpoint, gcs.Name, serviceAccount(t)), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := bucketWorld(t, c.provider)
			o := w.must(t, exitDone, "doctor")
			if !strings.Contains(o.out, "ok     provider bucket") {
				t.Errorf("%s", o.out)
			}
			for _, says := range []string{"Anybody on the network can read its objects without credentials",
				"Make the bucket private"} {
				if strings.Contains(o.out, says) != c.warns {
					t.Errorf("%q is said: %v\n%s", says, !c.warns, o.out)
				}
			}
		})
	}
}

// serviceAccount writes credentials of Google's form, with a server that gives out tokens for them.
func serviceAccount(t *testing.T) string {
	t.Helper()
	tokens := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}`)
	}))
	t.Cleanup(tokens.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]string{"type": "service_account", "project_id": "p", "private_key_id": "1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": "keepsake@p.iam.gserviceaccount.com", "client_id": "1", "token_uri": tokens.URL})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDoctorNamesWhatFailedInTheLastBackup although it answers by now.
func TestDoctorNamesWhatFailedInTheLastBackup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.withConsole(t)
	if o := w.runWith(t, consolePassword, "admin", "create",
		"--email", "ada@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatal(o.err)
	}
	// as a console's first check does
	execute(t, w.env["KEEPSAKE_CONSOLE_URL"], "select set_config('keepsake.role', 'system', false)",
		"insert into provider_states (platform, name, medium, offsite, reachable, checked_at) "+
			"values ('main', 'local', 'disk', false, true, "+
			"now()), ('main', 'second', 's3', false, true, now()), ('main', 'far', 'gcs', true, true, now())")
	place := filepath.Join(w.dir, "repos", "second")
	if err := os.Rename(place, place+" away"); err != nil {
		t.Fatal(err)
	}
	w.must(t, exitUnprotected, "backup")
	if err := os.Rename(place+" away", place); err != nil {
		t.Fatal(err)
	}
	o := w.must(t, exitDone, "doctor")
	for _, says := range []string{"ok     provider second", "warn   provider second",
		"It failed when it was used last. In the backup of ", "run keepsake repair"} {
		if !strings.Contains(o.out, says) {
			t.Errorf("doctor does not say %q:\n%s", says, o.out)
		}
	}
	w.must(t, exitDone, "repair")
	if o := w.must(t, exitDone, "doctor"); strings.Contains(o.out, "It failed when it was used last") {
		t.Errorf("after the repair that it asks for:\n%s", o.out)
	}
}
