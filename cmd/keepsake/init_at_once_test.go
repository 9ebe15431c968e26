package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestTwoInitsAtOnce starts two, with one configuration and with two keys for the same places: one repository is made,
// the key that opens it stays, and whoever came second is told so.
func TestTwoInitsAtOnce(t *testing.T) {
	t.Parallel()
	for name, apart := range map[string]bool{"one configuration": false, "two keys": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 8 {
				w := newWorld(t, protecting)
				configs := []string{w.config, w.config}
				if apart {
					configs[1] = filepath.Join(w.dir, "other.yaml")
					config, err := os.ReadFile(w.config)
					if err != nil {
						t.Fatal(err)
					}
					w.write(t, configs[1], strings.Replace(string(config), "keepsake.key", "other.key", 1))
				}
				var o [2]output
				var wg sync.WaitGroup
				for i := range configs {
					wg.Go(func() { o[i] = program(t.Context(), w.env, "", "--config", configs[i], "init") })
				}
				wg.Wait()
				made := strings.Count(o[0].out+o[1].out, "RECOVERY KEY, shown only now")
				if made != 1 {
					t.Fatalf("%d repositories were made\n%+v", made, o)
				}
				second := o[0]
				if strings.Contains(o[0].out, "RECOVERY KEY") {
					second = o[1]
				}
				if apart && (second.code == exitDone ||
					!strings.Contains(second.err, "another keepsake init made a repository there at the same moment") &&
						!strings.Contains(second.err, "there is a repository at the providers already")) {
					t.Errorf("the second one says\n%+v", second)
				}
				if !apart && second.code != exitDone {
					t.Errorf("the second one says\n%+v", second)
				}
				works := 0
				for _, config := range configs {
					if o := program(t.Context(), w.env, "", "--config", config, "points"); o.code == exitDone {
						works++
					}
				}
				if want := map[bool]int{false: 2, true: 1}[apart]; works != want {
					t.Errorf("%d of the two configurations open it, want %d", works, want)
				}
			}
		})
	}
}
