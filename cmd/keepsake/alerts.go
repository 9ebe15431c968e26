package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/alert"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
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

// checkAlerts says whether the addresses can be sent to and asked for. It sends nothing and asks for nothing.
func (a *app) checkAlerts(conf *config.Config) (findings []engine.CheckFinding) {
	const area = "alerts"
	say := func(level, message string) {
		findings = append(findings, engine.CheckFinding{Area: area, Level: level, Message: message})
	}
	if len(conf.Alerts.URLs) > 0 {
		if services, err := alert.Check(conf.Alerts.URLs); err != nil {
			say(levelError, keepsake.MessageOf(err))
		} else {
			say(levelOK, fmt.Sprintf("%s can be sent to (%s); keepsake alert test sends a message",
				some(int64(len(services)), "address"), strings.Join(services, ", ")))
		}
	}
	if conf.Alerts.Heartbeat != "" {
		if _, err := alert.Heartbeat(conf.Alerts.Heartbeat); err != nil {
			say(levelError, keepsake.MessageOf(err))
		} else {
			say(levelOK, "a watchdog is told of each protected backup")
		}
	}
	return findings
}

type alertCommands struct {
	Test alertTestCommand `cmd:"" help:"Send a test message to every address of alerts.urls, and say which took it."`
}

type alertTestCommand struct{ tried []alert.Tried }

func (c *alertTestCommand) deed() deed {
	d := deed{action: audit.AlertTest, detail: map[string]any{}}
	if c.tried != nil {
		d.detail["tried"] = c.tried
	}
	return d
}

func (c *alertTestCommand) Run(a *app) error {
	conf, err := a.config()
	if err != nil {
		return err
	}
	if len(conf.Alerts.URLs) == 0 {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"%s: alerts.urls: no address is configured, so nobody is told: add one", conf.Path())
	}
	c.tried, err = alert.Test(a.ctx, conf.Alerts.URLs, conf.Server.BaseURL, time.Now())
	if err != nil {
		return err
	}
	failed := false
	for _, t := range c.tried {
		failed = failed || !t.Sent
		switch {
		case a.cli.JSON:
		case t.Sent:
			a.printf("alerts.urls[%d] (%s): the message was taken. See whether it has arrived.\n", t.Address, t.Service)
		default:
			a.printf("alerts.urls[%d] (%s): NOT SENT: %s\n", t.Address, t.Service, t.Error)
		}
	}
	if a.cli.JSON {
		printJSON(a.io.out, map[string]any{"addresses": c.tried})
	}
	if failed {
		return errExit(exitFailed)
	}
	return nil
}
