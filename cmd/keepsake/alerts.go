package main

import (
	"context"
	"log/slog"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/alert"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/config"
)

// alerts returns what tells people outside of the audit trail; nil where nobody is to be told.
func (a *app) alerts(d *db.DB, conf *config.Config) (func(context.Context) error, error) {
	if len(conf.Alerts.URLs) == 0 {
		return nil, nil //nolint:nilnil // nobody is to be told
	}
	o := alert.Options{URLs: conf.Alerts.URLs, Link: conf.Server.BaseURL, Logger: a.logger(slog.LevelInfo)}
	for _, kind := range conf.Alerts.On {
		o.On = append(o.On, audit.Kind(kind))
	}
	s, err := alert.New(d, o)
	if err != nil {
		return nil, err
	}
	return s.Send, nil
}
