package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Vault seals small values with the repository's key for the console database. Whoever has that database alone can
// neither read nor forge them.
type Vault interface {
	Seal(ctx context.Context, name string, plain []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed []byte) ([]byte, error)
}

const (
	// verdictName is the setting that holds how the trail was found last, and what it is sealed under.
	verdictName = "audit_verdict"
	// sealedMark begins what is sealed: the database puts anything else that is written there on record.
	sealedMark = "sealed "
	// vaultTime bounds how long a page waits for the repository's key, which a process holds once it had it.
	vaultTime = 3 * time.Second
)

// knownVerdict is the last that was opened or, without a vault, found: a process believes itself.
type knownVerdict struct {
	mu     sync.Mutex
	sealed []byte
	v      *AuditVerdict
}

// lastVerdict returns the newest verdict on the trail, or nil when there is none. It ignores a verdict that was not
// sealed with this repository's key. It also ignores one that says that all is well when the trail says otherwise,
// because somebody has put an older verdict back.
func (c *Console) lastVerdict(ctx context.Context) (v *AuditVerdict, err error) {
	err = c.db.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) error {
		raw, err := tx.GetSetting(ctx, sqlcgen.GetSettingParams{Name: verdictName})
		if err != nil && !db.IsNoRows(err) {
			return err
		}
		if v = c.openVerdict(ctx, raw); v == nil || !v.Intact {
			return nil
		}
		broken, err := tx.IsBrokenSince(ctx, v.Rows)
		if broken {
			v = nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read how the audit trail was found: %w", err)
	}
	return v, nil
}

// openVerdict returns a copy of what was sealed; nil for what was not.
func (c *Console) openVerdict(ctx context.Context, raw []byte) *AuditVerdict {
	c.verdict.mu.Lock()
	known, last := c.verdict.sealed, c.verdict.v
	c.verdict.mu.Unlock()
	if last != nil && (c.vault == nil || bytes.Equal(known, raw)) {
		v := *last
		return &v
	}
	body, marked := bytes.CutPrefix(raw, []byte(sealedMark))
	if c.vault == nil || !marked {
		return nil
	}
	opening, cancel := context.WithTimeout(ctx, vaultTime)
	defer cancel()
	plain, err := c.vault.Open(opening, verdictName, body)
	var v AuditVerdict
	if err == nil {
		err = json.Unmarshal(plain, &v)
	}
	if err != nil {
		c.log.WarnContext(ctx, "how the audit trail was found last cannot be read, so it counts as not looked at", "err", err)
		return nil
	}
	c.verdict.know(raw, v)
	return &v
}

func (k *knownVerdict) know(sealed []byte, v AuditVerdict) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sealed, k.v = sealed, &v
}

func (c *Console) keepVerdict(ctx context.Context, v AuditVerdict) error {
	plain, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode how the audit trail was found: %w", err)
	}
	if c.vault == nil {
		c.verdict.know(nil, v)
		return nil
	}
	body, err := c.vault.Seal(ctx, verdictName, plain)
	if err != nil {
		c.log.WarnContext(ctx, "how the audit trail was found cannot be sealed, so that no other process knows it",
			"err", err)
		c.verdict.know(nil, v)
		return nil
	}
	raw := append([]byte(sealedMark), body...)
	err = c.db.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) error {
		return tx.SetSetting(ctx, sqlcgen.SetSettingParams{Name: verdictName, Value: raw})
	})
	if err != nil {
		return fmt.Errorf("store how the audit trail was found: %w", err)
	}
	c.verdict.know(raw, v)
	return nil
}
