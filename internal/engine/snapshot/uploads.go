package snapshot

import (
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/keepsake"

	"github.com/wedsync/keepsake/internal/engine/report"
)

// uploads is the Reporter of a backup: it adds up what the providers received.
type uploads struct{ report.Reporter }

// Progress passes the state on.
func (u uploads) Progress(p report.Progress) {
	p.BytesUploaded = 0
	for _, provider := range p.Providers {
		p.BytesUploaded += provider.Bytes
	}
	if u.Reporter != nil {
		u.Reporter.Progress(p)
	}
}

// Log passes a line on.
func (u uploads) Log(l report.LogLine) {
	if u.Reporter != nil {
		u.Reporter.Log(l)
	}
}

// uploaded returns how many sealed bytes each provider received from this backup, also of objects that others had
// before, and all of them.
func (b *backup) uploaded(copies []keepsake.Copy) (map[string]int64, int64) {
	byProvider, all := map[string]int64{}, int64(0)
	for _, c := range copies {
		n := b.index.Uploaded(replicas.ProviderBit(b.repo.Providers, c.Provider))
		if c.Confirmed {
			n += b.manifestBytes
		}
		byProvider[c.Provider] = n
		all += n
	}
	return byProvider, all
}
