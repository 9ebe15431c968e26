package console

import (
	"context"
	"io"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// ExportScope writes what a scope held at a recovery point to the writer, as a ZIP with one file for each table, csv
// or json. Nothing of it is on a disk, and it needs no platform. The export is on record before the first byte
// leaves. When it breaks off, another entry says so.
func (c *Console) ExportScope(ctx context.Context, actor keepsake.Actor, in ScopedInput, as scope.ExportAs,
	w io.Writer) error {
	if in.Mode == "" {
		in.Mode = scope.Missing
	}
	detail := map[string]any{"point": in.Point, "format": as.Format, "wedding": in.Scope.WeddingID()}
	p, err := c.platformAt(ctx, actor, in.Point)
	if err == nil {
		err = p.finder().mayActOnScope(ctx, actor, keepsake.MayExport, in)
	}
	if err == nil {
		err = checkScoped(in)
	}
	if err != nil {
		return c.recordRefused(ctx, actor, audit.ScopeExport, in.Scope.Target(), detail, err)
	}
	if err := c.recordDone(ctx, actor, audit.ScopeExport, in.Scope.Target(), detail); err != nil {
		return err
	}
	if err := p.Scopes.Export(ctx, in.scope(), as, w); err != nil {
		return c.recordRefused(ctx, actor, audit.ScopeExport, in.Scope.Target(), detail, err)
	}
	return nil
}

// ExportScope does the same as Console.ExportScope without the console database.
func (s *Standby) ExportScope(ctx context.Context, actor keepsake.Actor, in ScopedInput, as scope.ExportAs,
	w io.Writer) error {
	if in.Mode == "" {
		in.Mode = scope.Missing
	}
	if err := s.finder().mayActOnScope(ctx, actor, keepsake.MayExport, in); err != nil {
		return err
	}
	err := s.finder().mayActOnScope(ctx, actor, keepsake.MayRead, in)
	if err == nil {
		err = checkScoped(in)
	}
	if err = s.logRead(ctx, actor, in.Scope.Target(), in.Point, err); err != nil {
		return err
	}
	return s.engine.Export(ctx, in.scope(), as, w)
}
