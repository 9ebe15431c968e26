package main

import (
	"log/slog"

	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// supabase returns the auth server of the configuration; nil where there is none.
func (a *app) supabase(conf *config.Config) (*auth.Supabase, error) {
	s := conf.Auth.Supabase
	if s.URL == "" {
		return nil, nil //nolint:nilnil // only local accounts sign in
	}
	client, err := gotrue.NewClient(s.URL, s.AnonKey)
	if err != nil {
		return nil, err
	}
	log := a.logger(slog.LevelInfo)
	trust := s.Trust()
	trust.Logger = log
	verifier, err := gotrue.NewVerifier(a.ctx, trust)
	if err != nil {
		return nil, err
	}
	return &auth.Supabase{
		Client:     client,
		Verifier:   verifier,
		Platform:   conf.Platform.Name,
		RequireMFA: s.RequireMFA,
		Logger:     log,
	}, nil
}

// checkSupabase looks whether the auth server answers and can be believed.
func (a *app) checkSupabase(conf *config.Config) []engine.CheckFinding {
	const area = "supabase auth"
	at, err := a.supabase(conf)
	if at == nil && err == nil {
		return nil
	}
	if err == nil {
		err = at.Client.Ping(a.ctx)
	}
	if err != nil {
		return []engine.CheckFinding{{
			Area:    area,
			Level:   levelWarn,
			Message: keepsake.MessageOf(err),
			Action:  "Check auth.supabase.url and anon_key; local accounts sign in meanwhile",
		}}
	}
	n, err := at.Verifier.Keys(a.ctx)
	if err != nil || n == 0 {
		return []engine.CheckFinding{{
			Area:    area,
			Level:   levelError,
			Message: "It publishes no keys to verify its tokens with, so nobody can sign in through it",
			Action:  "A project that signs with a secret needs auth.supabase.jwt_secret",
		}}
	}
	return []engine.CheckFinding{{Area: area, Level: levelOK, Message: "It answers, and its tokens can be verified"}}
}
