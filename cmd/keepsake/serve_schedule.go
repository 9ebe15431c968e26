package main

import (
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/console"
)

// retentionOf says which recovery points stay.
func retentionOf(conf *config.Config) (*console.Retention, error) {
	s, _, err := conf.Schedule.Read()
	if err != nil {
		return nil, err
	}
	rules, grace, err := conf.Retention.Read(s.Zone)
	return &console.Retention{Retention: rules, On: conf.Retention.On(), Grace: grace, Rhythms: s}, err
}

// scheduleOf is when backups begin by themselves, nil where none does.
func scheduleOf(conf *config.Config) (*console.Schedule, error) {
	if !conf.Schedule.On() || conf.Platform.URL == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	s, paused, err := conf.Schedule.Read()
	return &console.Schedule{Schedule: s, Paused: paused}, err
}
