package storagetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/storage"
)

func (s *suite) oddKeys(t *testing.T) {
	p := s.open(t)
	keys := []string{
		"with space", "plus+plus", "percent%20", "percent%", "quote'\"", "a&b=c?d#e", "colon:semi;comma,",
		"UPPER/lower/UPPER",
		"trailing.", "dots..inside", "tilde~", "at@dollar$", "brackets[]{}()", "star*", "less<more>", "pipe|caret^back`",
		"-dash", "x!",
		"changes/1/0-16B3748-0-16B3A28", "deep/" + strings.Repeat("d/", 20) + "end", "long/" + strings.Repeat("n", 200),
	}
	for i, key := range keys {
		Put(t, p, key, []byte(fmt.Sprint("body ", i)))
	}
	found := Keys(t, p, "")
	for i, key := range keys {
		want := fmt.Sprint("body ", i)
		wantBody(t, p, key, []byte(want))
		if found[key] != int64(len(want)) {
			t.Errorf("List shows %q with size %d, want %d", key, found[key], len(want))
		}
		if err := p.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q): %v", key, err)
		}
	}
	if left := Keys(t, p, ""); len(left) != 0 {
		t.Errorf("after deleting all, List shows %v", left)
	}
}

// refusedKeys are those that some store would change, lose or take for another object.
func (s *suite) refusedKeys(t *testing.T) {
	p := s.open(t)
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "a/.hidden", "a\\b", "a\x00b", "a\nb",
		"ü", "a\x7f",
		strings.Repeat("n", 201), strings.Repeat("d/", 500) + "d",
	} {
		if err := p.Put(t.Context(), key, nil, sha256.Sum256(nil), false); err == nil {
			t.Errorf("Put(%q) was accepted", key)
		}
		if _, err := p.Get(t.Context(), key, 10); err == nil {
			t.Errorf("Get(%q) was accepted", key)
		}
	}
	if found := Keys(t, p, ""); len(found) != 0 {
		t.Errorf("the store shows %v", found)
	}
}

func (s *suite) list(t *testing.T) {
	p := s.open(t)
	if found := Keys(t, p, ""); len(found) != 0 {
		t.Fatalf("an empty store shows %v", found)
	}
	if found := Keys(t, p, "chunks/"); len(found) != 0 {
		t.Fatalf("an empty store shows %v", found)
	}
	for i, key := range []string{"keepsake.json", "chunks/ab/abc",
		"chunks/ab/abd", "chunks/ac/acd", "chunks-old/x", "manifests/1"} {
		Put(t, p, key, Random(i+1))
	}
	for prefix, want := range map[string]string{
		"":              "map[chunks-old/x:5 chunks/ab/abc:2 chunks/ab/abd:3 chunks/ac/acd:4 keepsake.json:1 manifests/1:6]",
		"chunks/":       "map[chunks/ab/abc:2 chunks/ab/abd:3 chunks/ac/acd:4]",
		"chunks":        "map[chunks-old/x:5 chunks/ab/abc:2 chunks/ab/abd:3 chunks/ac/acd:4]",
		"chunks/a":      "map[chunks/ab/abc:2 chunks/ab/abd:3 chunks/ac/acd:4]",
		"chunks/ab/":    "map[chunks/ab/abc:2 chunks/ab/abd:3]",
		"chunks/ab/abd": "map[chunks/ab/abd:3]",
		"manifests/":    "map[manifests/1:6]",
		"nothing/":      "map[]",
		"manifests/1/":  "map[]",
	} {
		if got := fmt.Sprint(Keys(t, p, prefix)); got != want {
			t.Errorf("List(%q) = %s, want %s", prefix, got, want)
		}
	}
}

// listMany needs several pages of every store.
func (s *suite) listMany(t *testing.T) {
	p := s.open(t)
	const many = 2500
	var all errgroup.Group
	all.SetLimit(16)
	for i := range many {
		all.Go(func() error {
			body := []byte(fmt.Sprint(i))
			return p.Put(t.Context(), fmt.Sprintf("chunks/%02x/%d", i%256, i), body, sha256.Sum256(body), false)
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	found := Keys(t, p, "chunks/")
	if len(found) != many {
		t.Fatalf("List shows %d objects, want %d", len(found), many)
	}
	for i := range many {
		if size := found[fmt.Sprintf("chunks/%02x/%d", i%256, i)]; size != int64(len(fmt.Sprint(i))) {
			t.Fatalf("object %d has size %d", i, size)
		}
	}
}

func (s *suite) listStops(t *testing.T) {
	p := s.open(t)
	for i := range 10 {
		Put(t, p, fmt.Sprintf("a/%d", i), nil)
	}
	enough := errors.New("enough")
	calls := 0
	err := p.List(t.Context(), "", func(storage.Object) error {
		if calls++; calls == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 3 {
		t.Errorf("List made %d calls and returned %v, want 3 and the callback's error", calls, err)
	}
}
