// Package static holds every file a browser needs: stylesheet, script, icon and the vendored libraries. They are
// embedded, compressed once and served under URLs that carry a hash of their content, so that browsers may keep them
// for ever. It never fetches anything from another origin.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

//go:embed app.css app.js favicon.svg vendor/htmx/htmx.min.js vendor/htmx-ext-sse/sse.min.js vendor/tabler/tabler.min.css
var files embed.FS

// Prefix is the path below which Handler serves.
const Prefix = "/static/"

// smallest is the size in bytes below which compression is not worth a header.
const smallest = 512

type asset struct {
	name, hash, contentType string
	plain                   []byte
	packed                  func() map[string][]byte // by content coding
}

var load = sync.OnceValue(func() map[string]*asset {
	all := map[string]*asset{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		all[name] = &asset{
			name: name, hash: hex.EncodeToString(sum[:6]), contentType: contentType(name), plain: body,
			packed: sync.OnceValue(func() map[string][]byte { return pack(body) }),
		}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("static: the embedded files cannot be read: %v", err)) // only a broken build gets here
	}
	return all
})

// URL returns the address of an embedded file, hash included. It panics on a name that is not embedded: a typing error
// in a view, which the first render of that view shows.
func URL(name string) string {
	a, ok := load()[name]
	if !ok {
		panic("static: no file " + name)
	}
	return Prefix + a.hash + "/" + name
}

// Handler serves the embedded files below Prefix. An address with an old hash is not found rather than answered with
// other bytes than it names.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
		a, ok := load()[name]
		if !ok || a.hash != hash {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("ETag", `"`+a.hash+`"`)
		h.Set("Vary", "Accept-Encoding")
		body := a.plain
		for _, coding := range []string{"zstd", "gzip"} {
			if p, ok := a.packed()[coding]; ok && accepts(r.Header.Get("Accept-Encoding"), coding) {
				body = p
				h.Set("Content-Encoding", coding)
				break
			}
		}
		h.Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(body) // a client that went away is no one's error
		}
	})
}

// accepts reports whether the header allows the coding; "q=0" forbids it.
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}

// pack compresses at the best level: it happens once per process and file.
func pack(body []byte) map[string][]byte {
	out := map[string][]byte{}
	if len(body) < smallest {
		return out
	}
	var buf bytes.Buffer
	gz, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err == nil {
		if _, err = gz.Write(body); err == nil && gz.Close() == nil {
			out["gzip"] = buf.Bytes()
		}
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err == nil {
		out["zstd"] = enc.EncodeAll(body, nil)
		_ = enc.Close()
	}
	return out
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return "application/octet-stream"
	}
}
