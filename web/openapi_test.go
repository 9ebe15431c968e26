package web_test

import (
	"net/http"
	"os"
	"testing"
)

// document is where the generated OpenAPI document is kept.
const document = "../docs/openapi.json"

// TestTheDocumentIsFresh fails when the kept document is not the one that the code makes. KEEPSAKE_UPDATE=1 writes it
// anew.
func TestTheDocumentIsFresh(t *testing.T) {
	t.Parallel()
	now := newSite(t).get("/api/openapi.json").want(http.StatusOK).body
	if os.Getenv("KEEPSAKE_UPDATE") != "" {
		if err := os.WriteFile(document, []byte(now), 0o644); err != nil { //nolint:gosec // a document for everybody
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != now {
		t.Error("docs/openapi.json is stale: KEEPSAKE_UPDATE=1 go test ./web -run TestTheDocumentIsFresh writes it")
	}
}
