package console

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// settingsName is the setting that holds what the configuration said at the last start.
const settingsName = "configuration"

// RecordSettings records in the trail which settings differ from those at the last start of any process of this
// console, with their old and new values. The settings hold no secrets. Processes that start together record a change
// once.
func (c *Console) RecordSettings(ctx context.Context, actor keepsake.Actor, settings map[string]string) error {
	if actor.Role != keepsake.RoleSystem {
		return c.recordRefused(ctx, actor, audit.SettingsChange, "", nil,
			keepsake.Errorf(keepsake.CodeForbidden,
				"You may not do this: settings are changed in keepsake.yaml, where the console starts."))
	}
	now, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encode the settings: %w", err)
	}
	err = c.db.InTx(ctx, actor, func(tx db.Tx) error {
		if err := tx.InsertSetting(ctx, sqlcgen.InsertSettingParams{Name: settingsName, Value: []byte("{}")}); err != nil {
			return err
		}
		raw, err := tx.LockSetting(ctx, settingsName)
		if err != nil {
			return err
		}
		last := map[string]string{}
		if err := json.Unmarshal(raw, &last); err != nil {
			return err
		}
		before, after := map[string]string{}, map[string]string{}
		for name, value := range last {
			if settings[name] != value {
				before[name] = value
			}
		}
		for name, value := range settings {
			if last[name] != value {
				after[name] = value
			}
		}
		if len(before)+len(after) == 0 {
			return nil
		}
		if err := tx.SetSetting(ctx, sqlcgen.SetSettingParams{Name: settingsName, Value: now}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SettingsChange,
			Outcome: audit.Allowed,
			Detail:  audit.Change(before, after),
		})
	})
	if err != nil {
		return fmt.Errorf("put the settings on record: %w", err)
	}
	return nil
}
