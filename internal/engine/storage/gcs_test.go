package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestGCSPrefixesAreRepositoriesOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := testenv.GCS(t)
	one, two := openGCS(t, b, "prod"), openGCS(t, b, "/prod-old/")
	isolated(t, one, two)
}

func TestGCSExplainsRefusals(t *testing.T) {
	t.Parallel()
	b := testenv.GCS(t)
	b.Name = "nowhere"
	err := openGCS(t, b, "").List(t.Context(), "", func(storage.Object) error { return nil })
	wantExplained(t, err, "bucket does not exist")
	b.GCSServer = &testenv.GCSServer{Endpoint: "http://127.0.0.1:1"}
	wantExplained(t, storage.Check(t.Context(), openGCS(t, b, "")), "connection refused")
}

func TestOpenGCSKeepsTheCredentialsToItself(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, []byte(`"private_key": "s3cr3t"`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := storage.OpenGCS(t.Context(), storage.GCSOptions{Bucket: "b", CredentialsFile: file})
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("a broken credentials file: %v", err)
	}
	if _, err := storage.OpenGCS(t.Context(), storage.GCSOptions{}); err == nil {
		t.Error("a provider without a bucket was opened")
	}
}
