package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// targetTime bounds looking at a restore's target before anything is enqueued.
const targetTime = 10 * time.Second

// stateNoDatabase is the SQLSTATE of a connection to a database that does not exist.
const stateNoDatabase = "3D000"

// RestoreTargets returns the names of the servers that a restore may go to, the platform's own first.
func (c *Console) RestoreTargets() []string {
	names := make([]string, len(c.targets))
	for i, t := range c.targets {
		names[i] = t.Name
	}
	return names
}

// StartRestore enqueues a restore into a new database. The typed confirmation must be its name; a database that is there and
// not empty is CodeConflict before anything is enqueued, unless what it holds is an unfinished restore.
func (c *Console) StartRestore(ctx context.Context, actor keepsake.Actor, in StartRestoreInput) (Operation, error) {
	detail := map[string]any{"point": in.Point, "target": in.Target, "database": in.Database, "tiers": in.Tiers, "provider": in.Provider}
	refuse := func(err error) (Operation, error) {
		return Operation{}, c.refused(ctx, actor, "restore.start", in.Point, detail, err)
	}
	if err := mayActOnPlatform(actor, keepsake.MayRestore); err != nil {
		return refuse(err) // before the target is touched on their behalf
	}
	if err := c.mustBeProven(actor); err != nil {
		return refuse(err)
	}
	target, err := c.checkRestore(ctx, &in)
	if err != nil {
		return refuse(err)
	}
	detail["target"] = target.Name
	point, err := c.pointID(ctx, actor, in.Point)
	if err != nil {
		return refuse(err)
	}
	if err := checkTarget(ctx, target, in.Database); err != nil {
		return refuse(err)
	}
	asked := in.scoped().brought()
	judge := c.judgeAlone(ctx, actor, &asked)
	row := newOperation(actor, KindRestore)
	row.PointID, row.Target, row.TargetDatabase, row.Provider = point, target.Name, in.Database, in.Provider
	if in.Wedding != "" || in.Organization != "" || in.TargetURL != "" {
		s := ScopedOperation{ScopedInput: ScopedInput{Wedding: in.Wedding, Organization: in.Organization}, TargetURL: in.TargetURL, Weddings: asked.Weddings}
		if row.Scope, err = json.Marshal(s); err != nil {
			return refuse(fmt.Errorf("encode what is restored: %w", err))
		}
	}
	for _, t := range in.Tiers {
		row.Tiers = append(row.Tiers, string(t))
	}
	return c.enqueueJudged(ctx, actor, "restore.start", detail, row, judge)
}

func (c *Console) checkRestore(ctx context.Context, in *StartRestoreInput) (Target, error) {
	var none Target
	if (in.Wedding != "" || in.Organization != "") && len(in.Tiers) > 0 || in.Wedding != "" && in.Organization != "" || !plain(in.Wedding) || !plain(in.Organization) {
		return none, keepsake.Errorf(keepsake.CodeInvalid, "A restore covers tiers, or one wedding, or one organization: choose one of them.")
	}
	if in.Database == "" || len(in.Database) > 63 || !plain(in.Database) {
		return none, keepsake.Errorf(keepsake.CodeInvalid, "Give the new database a name of 1 to 63 bytes.")
	}
	if !fold.SameName(in.Confirmation, in.Database) {
		return none, keepsake.Errorf(keepsake.CodeInvalid, "Type the name of the new database, %s, to confirm. Nothing was started.", in.Database)
	}
	for _, t := range in.Tiers {
		if _, err := keepsake.ParseTier(string(t)); err != nil {
			return none, err
		}
	}
	if in.Provider != "" {
		providers := c.engine.Providers()
		if !slices.ContainsFunc(providers, func(p engine.Provider) bool { return p.Name == in.Provider }) {
			return none, keepsake.Errorf(keepsake.CodeInvalid, "There is no provider %q.", in.Provider)
		}
	}
	return c.targetOf(ctx, in.Target, in.TargetURL)
}

// target returns the configured server of that name; "" is the first.
func (c *Console) target(name string) (Target, error) {
	for _, t := range c.targets {
		if name == "" || t.Name == name {
			return t, nil
		}
	}
	if len(c.targets) == 0 {
		return Target{}, keepsake.Errorf(keepsake.CodeInvalid, "No server is configured that a restore could go to. Add one to keepsake.yaml, or restore on the command line with --target.")
	}
	return Target{}, keepsake.Errorf(keepsake.CodeInvalid, "There is no server %q to restore to: the configuration names %s.", name, strings.Join(c.RestoreTargets(), ", "))
}

// checkTarget refuses a database that is not empty, so that a person learns it on the form and not in a failed operation. The
// engine looks again, more closely, before it writes.
func checkTarget(ctx context.Context, t Target, database string) error {
	dsn, err := t.databaseURL(database)
	if err != nil {
		return err
	}
	config, err := address.Config(dsn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, targetTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == stateNoDatabase {
		return nil // it will be made
	}
	if err != nil {
		return t.unreachable(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var unfinished, occupied bool
	err = conn.QueryRow(ctx, `
		select to_regclass('keepsake_restore.run') is not null, exists (
			select from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
			  and n.nspname !~ '^pg_(toast|temp)'
			  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
			  and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'))`).Scan(&unfinished, &occupied)
	if err != nil {
		return keepsake.Errorf(keepsake.CodeUnavailable, "The database %q is there, but Keepsake could not look into it. Nothing was started: %w", database, err)
	}
	if occupied && !unfinished {
		return keepsake.Errorf(keepsake.CodeConflict, "The database %q on %q is not empty. A restore never writes over anything: choose another name, or drop that database first.", database, t.Name)
	}
	return nil
}
