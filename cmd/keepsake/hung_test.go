package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/testenv"
)

// onWords is a writer that does something once, when the words are written.
type onWords struct {
	bytes.Buffer
	words string
	once  sync.Once
	do    func()
}

func (o *onWords) Write(p []byte) (int, error) {
	n, err := o.Buffer.Write(p)
	if strings.Contains(o.Buffer.String(), o.words) {
		o.once.Do(o.do)
	}
	return n, err
}

// TestAStoppedServerIsNamedAndPassedBy stops the process of an S3 server while a backup reads. The backup ends in time,
// done but not protected; so does everything else until the server goes on.
func TestAStoppedServerIsNamedAndPassedBy(t *testing.T) {
	t.Parallel()
	s, err := testenv.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if err := s.CreateBucket(t.Context(), "hangs"); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil, season...)
	w.write(t, w.config, fmt.Sprintf(`
platform: {url: "${PLATFORM}"}
key: {file: ./keepsake.key}
providers:
  - {name: s3, type: s3, endpoint: "%s", region: %s, bucket: hangs, path_style: true, access_key_id: %s, secret_access_key: %s}
  - {name: disk, type: file, path: ./repo}
  - {name: far, type: file, path: ./far, medium: gcs, offsite: true}
`, s.Endpoint, testenv.Region, s.AccessKey, s.SecretKey))
	w.must(t, exitDone, "init")

	errs := &onWords{words: "Snapshot of", do: func() {
		if err := s.Suspend(); err != nil {
			t.Error(err)
		}
	}}
	var out bytes.Buffer
	inTime := func(what string, most time.Duration, do func()) {
		t.Helper()
		started := time.Now()
		do()
		if took := time.Since(started); took > most {
			t.Errorf("%s took %s", what, took)
		}
	}
	inTime("the backup", time.Minute, func() {
		code := run(t.Context(), []string{"--config", w.config, "--verbose", "backup"}, environ(w.env),
			stdio{strings.NewReader(""), &out, errs})
		if code != exitUnprotected {
			t.Fatalf("the backup ended with %d\n%s%s", code, out.String(), errs.String())
		}
	})
	for _, words := range []string{"NO COPY: It did not answer for ", " s while it was to store ",
		"NOT PROTECTED: 1 of 3 copies is missing (s3)", "Once s3 works, repair", "keepsake repair "} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("the backup does not say %q:\n%s", words, out.String())
		}
	}
	inTime("points", 30*time.Second, func() {
		if points := document[[]report](t, w.must(t, exitDone, "points", "--json")); len(points) != 1 {
			t.Errorf("%+v", points)
		}
	})
	inTime("doctor", 45*time.Second, func() {
		if o := w.run(t, "doctor"); !strings.Contains(o.out, "did not answer for") || !strings.Contains(o.out, "s3") {
			t.Errorf("%s%s", o.out, o.err)
		}
	})
	inTime("verify", 45*time.Second, func() {
		if o := w.must(t, exitUnprotected, "verify", "--deep"); !strings.Contains(o.out+o.err, "did not answer for") {
			t.Errorf("%s%s", o.out, o.err)
		}
	})
	inTime("a restore", time.Minute, func() {
		w.must(t, exitDone, "restore", "latest", "--target", beside(t, w.platform, "hung"), "--create")
	})
	inTime("repair", time.Minute, func() { w.must(t, exitUnprotected, "repair") })
	inTime("a mark", time.Minute, func() { w.must(t, exitDone, "mark", "latest", "--lock") })

	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	w.must(t, exitDone, "repair")
	w.must(t, exitDone, "verify", "--deep")
}
