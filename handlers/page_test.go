package handlers

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzLocalPath: whatever comes in, a browser that follows what comes out stays at this console.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/points?cursor=a#b", "//evil.example", `/\evil.example`, `\/evil.example`,
		"https://evil.example", "javascript:alert(1)", "/\t/evil.example", "%2F/evil.example",
		"/%2Fevil.example", "/%09/evil.example", "/..//evil.example", "/.//evil.example", "///evil.example", "?next=//evil",
		"/sign-in", "/%73ign-out", "/a\r\nb", "", ".", "/@evil.example", "http:evil.example", "/./sign-in", "/a/../sign-in"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got := LocalPath(to)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\t\r\n\x00") {
			t.Fatalf("%q becomes %q", to, got)
		}
		base, err := url.Parse("https://keepsake.example/sign-in")
		if err != nil {
			t.Fatal(err)
		}
		there, err := base.Parse(got)
		if err != nil || there.Host != base.Host || there.Scheme != base.Scheme {
			t.Fatalf("%q becomes %q, which leads to %v (%v)", to, got, there, err)
		}
		if again := LocalPath(got); again != got {
			t.Fatalf("%q becomes %q and then %q", to, got, again)
		}
		if strings.HasPrefix(there.Path, "/sign-") {
			t.Fatalf("%q becomes %q", to, got)
		}
	})
}
