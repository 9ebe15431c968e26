package target

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Reserved is a database that somebody works with. It is never a target, whatever it holds.
type Reserved struct {
	What string // "the platform's own database"
	URL  keepsake.Secret
}

// templates are copied whenever a database is made.
var templates = []string{"template0", "template1"}

// reservedTime is how long asking a reserved database for its identity may take. On the worst day it does not answer.
const reservedTime = 5 * time.Second

func refused(name, why string) error {
	return keepsake.Errorf(keepsake.CodeConflict,
		"the database %q is no target for a restore: %s; nothing was written; restore into a new database "+
			"(--create makes one)", name, why)
}

// identity is what tells a database from every other one, by whatever address it is reached.
type identity struct {
	system  string // the server's identifier; "" where the role may not ask for it
	started string // when the server started, to the microsecond
	oid     string
}

// same reports whether two sessions, of roles that may ask for different things, are in one database.
func (i identity) same(o identity) bool {
	if i.system != "" && o.system != "" {
		return i.system == o.system && i.oid == o.oid
	}
	return i.started == o.started && i.oid == o.oid
}

// identify asks a session for its database. Where the role may not ask for the server's identifier, the moment it
// started stands for it.
func identify(ctx context.Context, conn *pgx.Conn) (identity, error) {
	var id identity
	var may bool
	if err := conn.QueryRow(ctx, "select has_function_privilege('pg_control_system()', 'execute')").Scan(
		&may); err != nil {
		return id, err
	}
	system := "''"
	if may {
		system = "(select system_identifier::text from pg_control_system())"
	}
	err := conn.QueryRow(ctx, "select "+system+", extract(epoch from pg_postmaster_start_time())::text, oid::text from "+
		"pg_database where datname = current_database()").
		Scan(&id.system, &id.started, &id.oid)
	return id, err
}

// refuseReserved refuses databases that belong to the server, to the platform or to the console, empty or not.
func (t *Target) refuseReserved(ctx context.Context) error {
	var template bool
	var limit int
	err := t.conn.QueryRow(ctx, `select datname, datistemplate, case when (select rolsuper from pg_roles
		where rolname = current_user) then -1 else datconnlimit end
		from pg_database where datname = current_database()`).Scan(
		&t.Name, &template, &limit) // a pooler may call it otherwise
	if err != nil {
		return fmt.Errorf("look at the target: %w", err)
	}
	switch {
	case template:
		return refused(t.Name, "it is a template, which the server copies whenever a database is made")
	case t.Name == "postgres" && len(t.Managed) == 0: // a hosting service's project has no other database
		return refused(t.Name, "it is the server's own database, which tools and roles expect to be empty")
	case limit >= 0 && limit < t.options.Sessions:
		return refused(t.Name, fmt.Sprintf("it allows %d connections at once and a restore needs %d: alter database %s "+
			"connection limit -1",
			limit, t.options.Sessions, pgx.Identifier{t.Name}.Sanitize()))
	}
	own, err := identify(ctx, t.conn)
	if err != nil {
		return fmt.Errorf("ask the target who it is: %w", err)
	}
	t.identity = own
	for _, r := range t.options.Reserved {
		if r.URL != "" && t.is(ctx, r) {
			return refused(t.Name, "it is "+r.What)
		}
	}
	return nil
}

// is reports whether the target is that database. One that does not answer is told by its address.
func (t *Target) is(ctx context.Context, r Reserved) bool {
	asking, cancel := context.WithTimeout(ctx, reservedTime)
	defer cancel()
	if conn, err := platform.Connect(asking, r.URL); err == nil {
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		if id, err := identify(asking, conn); err == nil {
			return id.same(t.identity)
		}
	}
	a, err := address.Config(r.URL)
	if err != nil {
		return false
	}
	b, err := address.Config(t.options.URL)
	return err == nil && a.Host == b.Host && a.Port == b.Port && a.Database == b.Database
}

// Look returns an error for a database that no restore may be written into, as far as that shows without a recovery
// point. A database that does not exist is fine. Look writes nothing.
func Look(ctx context.Context, o Options) error {
	o.Create = true
	t := &Target{options: o}
	defer t.Close(ctx)
	if err := t.connect(ctx); err != nil || t.absent {
		return err
	}
	return t.refuseUse(ctx)
}

// refuseUse refuses a database that is reserved or holds anything. One that is marked is judged by JudgeMark.
func (t *Target) refuseUse(ctx context.Context) (err error) {
	if t.Managed, err = t.existing(ctx, t.options.Managed); err != nil {
		return err
	}
	if err := t.refuseReserved(ctx); err != nil {
		return err
	}
	if err := t.conn.QueryRow(ctx, "select to_regnamespace('keepsake_restore') is not null").Scan(&t.marked); err != nil ||
		t.marked {
		return err
	}
	return t.refuseContent(ctx)
}

// connect opens the session, to another database of the server where this one is to be made.
func (t *Target) connect(ctx context.Context) error {
	config, err := address.Config(t.options.URL)
	if err != nil {
		return err
	}
	t.Name = config.Database
	if slices.Contains(templates, t.Name) { // one of them takes no sessions, which reads as a broken server
		return refused(t.Name, "it is a template, which the server copies whenever a database is made")
	}
	t.conn, err = platform.ConnectWith(ctx, t.options.URL, t.options.settings())
	if err != nil && keepsake.CodeOf(err) == keepsake.CodeNotFound {
		if !t.options.Create {
			return keepsake.Errorf(keepsake.CodeNotFound,
				"%s, or add --create to have the database made", keepsake.MessageOf(err))
		}
		t.absent = true
		t.conn, err = t.connectElsewhere(ctx)
	}
	return err
}

// refuseContent refuses a database that holds anything.
func (t *Target) refuseContent(ctx context.Context) error {
	found, err := t.content(ctx, 4)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return keepsake.Errorf(keepsake.CodeConflict,
			"the target database %q is not empty: it holds %s; nothing was written; restore into a new database "+
				"(--create makes one)", t.Name, strings.Join(found, ", "))
	}
	return nil
}
