package main

import (
	"fmt"
	"testing"

	"github.com/wedsync/keepsake/internal/testenv"
)

// TestThreeKindsOfProvider configures a directory, an S3 server and a Google Cloud Storage emulator, and restores from
// each alone.
func TestThreeKindsOfProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, season...)
	s3, gcs := testenv.S3(t), testenv.GCS(t)
	w.env["S3_KEY"], w.env["S3_SECRET"] = s3.AccessKey, s3.SecretKey
	w.secrets = append(w.secrets, s3.SecretKey)
	w.write(t, w.config, fmt.Sprintf(`
platform: {url: "${PLATFORM}"}
key: {file: ./keepsake.key}
providers:
  - {name: disk, type: file, path: ./repo}
  - name: s3
    type: s3
    medium: supabase
    endpoint: %s
    region: %s
    bucket: %s
    prefix: a/b
    path_style: true
    access_key_id: ${S3_KEY}
    secret_access_key: ${S3_SECRET}
  - {name: gcs, type: gcs, endpoint: "%s", bucket: %s, prefix: backups/, offsite: true}
`, s3.Endpoint, testenv.Region, s3.Name, gcs.Endpoint, gcs.Name))
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "doctor")
	b := document[report](t, w.must(t, exitDone, "backup", "--json"))
	w.must(t, exitDone, "verify", "--deep")
	for _, provider := range []string{"disk", "s3", "gcs"} {
		r := document[report](t, w.must(t, exitDone, "restore", b.Point, "--provider", provider, "--target",
			beside(t, w.platform, provider), "--create", "--json"))
		if r.Provider != provider || r.Rows != b.Rows || !r.Verified {
			t.Errorf("%+v after %+v", r, b)
		}
	}
}
