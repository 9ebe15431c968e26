package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func get(t *testing.T, url, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestVendoredFilesHaveTheListedChecksums(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("vendor/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\S+/\S+) \|.*\| ([0-9a-f]{64}) \|$`).FindAllStringSubmatch(string(readme), -1)
	listed := map[string]string{}
	for _, row := range rows {
		listed["vendor/"+row[1]] = row[2]
	}
	seen := 0
	for name, a := range load() {
		if !strings.HasPrefix(name, "vendor/") {
			continue
		}
		seen++
		sum := sha256.Sum256(a.plain)
		if got := hex.EncodeToString(sum[:]); got != listed[name] {
			t.Errorf("%s has checksum %s, the list says %q", name, got, listed[name])
		}
	}
	if seen != len(listed) || seen == 0 {
		t.Errorf("%d vendored files are embedded, %d are listed", seen, len(listed))
	}
}

func TestHandlerServesCompressedAndImmutable(t *testing.T) {
	t.Parallel()
	url := URL("vendor/tabler/tabler.min.css")
	plain := get(t, url, "").Body.Bytes()
	if len(plain) < 600_000 {
		t.Fatalf("the plain file has %d bytes", len(plain))
	}
	for _, tt := range []struct{ accept, want string }{{"gzip", "gzip"}, {"gzip, deflate, br, zstd", "zstd"},
		{"zstd;q=0, gzip", "gzip"}} {
		w := get(t, url, tt.accept)
		if got := w.Header().Get("Content-Encoding"); got != tt.want {
			t.Errorf("Accept-Encoding %q gave %q, want %q", tt.accept, got, tt.want)
		}
		if w.Body.Len() > 100_000 {
			t.Errorf("%s: %d bytes on the wire", tt.want, w.Body.Len())
		}
		if got := unpack(t, tt.want, w.Body.Bytes()); !bytes.Equal(got, plain) {
			t.Errorf("%s does not unpack to the file", tt.want)
		}
		if cc := w.Header().Get("Cache-Control"); !strings.Contains(cc, "immutable") {
			t.Errorf("Cache-Control is %q", cc)
		}
	}
}

func unpack(t *testing.T, coding string, body []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	if coding == "gzip" {
		r, err = gzip.NewReader(bytes.NewReader(body))
	} else {
		var z *zstd.Decoder
		z, err = zstd.NewReader(bytes.NewReader(body))
		t.Cleanup(z.Close)
		r = z
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHandlerRefusesAnotherHash(t *testing.T) {
	t.Parallel()
	for _, url := range []string{Prefix + "000000000000/app.css", Prefix + "app.css", Prefix + "../embed.go", Prefix} {
		if w := get(t, url, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s gave %d", url, w.Code)
		}
	}
}
