package db_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// judge tries tables as everybody.
type judge struct {
	t        *testing.T
	d        *db.DB
	n        int               // rows made
	keys     map[string]string // by table and owner: the number of its row
	problems []string
}

// judgeTables returns what is wrong with any table of the database.
func judgeTables(t *testing.T, d *db.DB, rules []tableRule) []string {
	t.Helper()
	j := &judge{t: t, d: d, keys: map[string]string{}}
	catalog := j.catalog()
	for _, r := range rules {
		forced, there := catalog[r.name]
		delete(catalog, r.name)
		switch {
		case !there:
			j.problem(r, "there is no such table")
		case !forced:
			j.problem(r, "row-level security is not forced, or it has no policy")
		default:
			j.fill(r)
		}
	}
	for name := range catalog {
		j.problems = append(j.problems, name+": nobody has said who may see its rows: add it to tableRules")
	}
	for _, name := range j.definers() {
		// it takes nothing, and changes an end of the trail only that is broken, on record: TestATrailWithABrokenEndGoesOn
		if name == "audit_open_end()" {
			continue
		}
		if name == "keep_slots()" { // of triggers alone: only its owner may make one of it
			continue
		}
		if name == "keep_months(text,timestamp with time zone)" { // it makes months that lie ahead, and moves no row
			continue
		}
		j.problems = append(j.problems, name+": it does what its owner may, for whoever calls it")
	}
	for _, r := range rules {
		if len(j.problems) == 0 || r.name == "guestbook" {
			j.try(r)
		}
	}
	return j.problems
}

func (j *judge) problem(r tableRule, format string, args ...any) {
	j.problems = append(j.problems, r.name+": "+fmt.Sprintf(format, args...))
}

// hidden is a partition of which the working role may do nothing, and which shows nobody a row: it is reached by way of
// its table alone.
const hidden = `c.relrowsecurity and c.relforcerowsecurity and not exists (select from pg_policy p
	where p.polrelid = c.oid)
	and not has_table_privilege(current_user, c.oid, 'select, insert, update, delete, truncate, references, trigger')`

// catalog returns every table that is not PostgreSQL's own, and whether row-level security is forced on it with a
// policy. Views are listed too: one would show its owner's rows.
func (j *judge) catalog() map[string]bool {
	j.t.Helper()
	all := map[string]bool{}
	err := j.d.InTx(j.t.Context(), system, func(tx db.Tx) error {
		rows, err := tx.PG.Query(j.t.Context(), `
			select c.oid::regclass::text, c.relrowsecurity and c.relforcerowsecurity and exists (select from pg_policy p
				where p.polrelid = c.oid)
			from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where not (c.relispartition and `+hidden+
			`) and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema') and `+
			`n.nspname !~ '^pg_(toast|temp)'`)
		if err != nil {
			return err
		}
		var name string
		var forced bool
		_, err = pgx.ForEachRow(rows, []any{&name, &forced}, func() error { all[name] = forced; return nil })
		return err
	})
	if err != nil {
		j.t.Fatal(err)
	}
	return all
}

// definers returns the functions that run with their owner's rights: the owner may change the trail, and a policy on
// itself.
func (j *judge) definers() (names []string) {
	j.t.Helper()
	err := j.d.InTx(j.t.Context(), system, func(tx db.Tx) error {
		rows, err := tx.PG.Query(j.t.Context(), `
			select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
			where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')`)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		j.t.Fatal(err)
	}
	return names
}

// owners have a row each: two organizations of a platform, one of another platform with a key of the first, and the
// platform as a whole.
var owners = []owner{{"main", "a"}, {"main", "b"}, {"main", ""}, {"other", "a"}}

// ownerOfRows is whose rows an actor's are.
func ownerOfRows(actor keepsake.Actor) owner { return owner{actor.Platform, actor.Organization} }

// fill makes a row of each owner.
func (j *judge) fill(r tableRule) {
	j.t.Helper()
	if r.row == "" {
		return
	}
	for _, of := range owners {
		j.n++
		actor := "actor-" + of.organization
		if of.platform != "main" {
			actor = of.platform + "-" + actor
		}
		if _, err := j.exec(system, r.insert(j.n, of, actor, parentKey(r.parent, j.parentOf(r, of))), true); err != nil {
			j.t.Fatalf("%s: the system makes a row of %s: %v", r.name, of, err)
		}
		j.keys[r.name+" "+of.String()] = fmt.Sprint(j.n)
		if r.one {
			return
		}
	}
}

func (j *judge) parentOf(r tableRule, of owner) (n int) {
	_, _ = fmt.Sscan(j.keys[r.parent+" "+of.String()], &n)
	return n
}

var errRollBack = errors.New("roll back")

// exec runs a statement as an actor and returns how many rows it touched; unless keep is set, nothing stays.
func (j *judge) exec(actor keepsake.Actor, sql string, keep bool) (n int64, err error) {
	err = j.d.InTx(j.t.Context(), actor, func(tx db.Tx) error {
		tag, err := tx.PG.Exec(j.t.Context(), sql)
		if n = tag.RowsAffected(); err == nil && !keep {
			err = errRollBack
		}
		return err
	})
	if errors.Is(err, errRollBack) {
		err = nil
	}
	return n, err
}

// refused reports whether a statement was refused, or found nothing to touch.
func (j *judge) refused(actor keepsake.Actor, sql string) bool {
	n, err := j.exec(actor, sql, false)
	return err == nil && n == 0 || db.IsState(err, pgerrcode.InsufficientPrivilege)
}

// sees returns how many rows an actor sees, and how many of them are not the actor's organization's.
func (j *judge) sees(r tableRule, actor keepsake.Actor) (all, others int) {
	j.t.Helper()
	condition := "false"
	if r.sight == ofOrganization {
		condition = r.owner() + " is distinct from '" + ownerOfRows(actor).String() + "'"
	}
	err := j.d.InTx(j.t.Context(), actor, func(tx db.Tx) error {
		return tx.PG.QueryRow(j.t.Context(), "select count(*), count(*) filter (where "+condition+") from "+r.name).Scan(&all,
			&others)
	})
	if err != nil && !db.IsState(err, pgerrcode.InsufficientPrivilege) {
		j.t.Fatalf("%s: %v", r.name, err)
	}
	return all, others
}

func (j *judge) try(r tableRule) {
	j.t.Helper()
	whole, _ := j.sees(r, system)
	if whole == 0 {
		j.problem(r, "the system sees nothing, so the test proves nothing")
	}
	for name, actor := range map[string]keepsake.Actor{"no actor": nobody, "an unknown role": guest} {
		if n, _ := j.sees(r, actor); n != 0 {
			j.problem(r, "%s sees %d rows", name, n)
		}
		j.refuse(r, name, actor, "changes rows", "update "+r.name+" set "+r.touch)
		j.refuse(r, name, actor, "removes rows", "delete from "+r.name)
		if r.row != "" {
			j.n++
			whole := owner{"main", ""}
			j.refuse(r, name, actor, "adds a row", r.insert(j.n, whole, actor.ID, parentKey(r.parent, j.parentOf(r, whole))))
		}
	}
	switch r.sight {
	case ofOrganization:
		j.tryOrganization(r, whole)
	case ofActor:
		j.tryActor(r)
	case ofSystem:
		for _, actor := range []keepsake.Actor{orgA, unbound} {
			j.tryStranger(r, actor)
		}
	case facts:
		j.tryFacts(r, whole)
	default:
		j.problem(r, "%q is no kind of sight", r.sight)
	}
}

func (j *judge) refuse(r tableRule, who string, actor keepsake.Actor, what, sql string) {
	if !j.refused(actor, sql) {
		j.problem(r, "%s %s", who, what)
	}
}

func (j *judge) tryOrganization(r tableRule, whole int) {
	j.t.Helper()
	if n, _ := j.sees(r, unbound); n != whole {
		j.problem(r, "a super admin of no organization sees %d of %d rows", n, whole)
	}
	for name, actor := range map[string]keepsake.Actor{"an organization of no platform": halfOrganization,
		"a platform and no organization": halfPlatform} {
		if n, _ := j.sees(r, actor); n != 0 {
			j.problem(r, "an actor of %s sees %d rows", name, n)
		}
	}
	for _, actor := range []keepsake.Actor{orgA, orgB, otherA} {
		who := "an actor of organization " + ownerOfRows(actor).String()
		if all, others := j.sees(r, actor); all != 1 || others != 0 {
			j.problem(r, "%s sees %d rows, %d of them another's, instead of its one", who, all, others)
		}
	}
	const who = "an actor of organization main/a"
	if r.appendOnly {
		for name, actor := range map[string]keepsake.Actor{"the system": system, "a super admin": unbound, who: orgA} {
			j.refuse(r, name, actor, "changes rows", "update "+r.name+" set "+r.touch)
			j.refuse(r, name, actor, "removes rows", "delete from "+r.name)
			j.refuse(r, name, actor, "empties it", "truncate "+r.name)
		}
		return
	}
	for name, c := range map[string]struct {
		actor keepsake.Actor
		want  int64
	}{who: {orgA, 1}, "a super admin of no organization": {unbound, int64(whole)}} {
		for _, sql := range []string{"update " + r.name + " set " + r.touch, "delete from " + r.name} {
			if n, err := j.exec(c.actor, sql, false); err != nil || n != c.want {
				j.problem(r, "%s: %s touches %d rows (%v), want %d", sql, name, n, err, c.want)
			}
		}
	}
	for _, of := range owners {
		j.n++
		allowed := of == ownerOfRows(orgA)
		sql := r.insert(j.n, of, orgA.ID, parentKey(r.parent, j.parentOf(r, of)))
		if _, err := j.exec(orgA, sql, false); allowed && err != nil {
			j.problem(r, "%s cannot add a row of its own: %v", who, err)
		} else if !allowed && !db.IsState(err, pgerrcode.InsufficientPrivilege) {
			j.problem(r, "%s adds a row of %s (%v)", who, of, err)
		}
	}
	if !r.fixed {
		j.refuse(r, who, orgA, "gives its rows to organization b", "update "+r.name+" set organization = 'b'")
		j.refuse(r, who, orgA, "gives its rows to another platform", "update "+r.name+" set platform = 'other'")
		j.refuse(r, who, orgA, "gives its rows to the platform", "update "+r.name+" set organization = null")
	}
}

// tryActor: whoever it is, bound or not, reaches their own row and nobody else's.
func (j *judge) tryActor(r tableRule) {
	j.t.Helper()
	for _, actor := range []keepsake.Actor{orgA, orgB} {
		if n, _ := j.sees(r, actor); n != 1 {
			j.problem(r, "%s sees %d rows instead of their one", actor.Name, n)
		}
		if n, err := j.exec(actor, "update "+r.name+" set "+r.touch, false); err != nil || n != 1 {
			j.problem(r, "%s changes %d rows (%v) instead of their one", actor.Name, n, err)
		}
		j.n++
		j.refuse(r, actor.Name, actor, "adds a row of another", r.insert(j.n, owner{"main", ""}, "somebody", ""))
	}
	j.tryStranger(r, unbound) // who has none
}

// tryStranger: the actor reaches nothing.
func (j *judge) tryStranger(r tableRule, actor keepsake.Actor) {
	j.t.Helper()
	if n, _ := j.sees(r, actor); n != 0 {
		j.problem(r, "%s sees %d rows", actor.Name, n)
	}
	j.refuse(r, actor.Name, actor, "changes rows", "update "+r.name+" set "+r.touch)
	j.refuse(r, actor.Name, actor, "removes rows", "delete from "+r.name)
	if r.row != "" && r.sight == ofSystem {
		j.n++
		j.refuse(r, actor.Name, actor, "adds a row",
			r.insert(j.n, owner{"main", actor.Organization}, actor.ID, parentKey(r.parent, j.parentOf(r, owner{"main", ""}))))
	}
	if r.readOnly {
		j.refuse(r, "the system", system, "changes rows", "update "+r.name+" set "+r.touch)
		j.refuse(r, "the system", system, "removes rows", "delete from "+r.name)
	}
}

func (j *judge) tryFacts(r tableRule, whole int) {
	j.t.Helper()
	for _, actor := range []keepsake.Actor{orgA, unbound} {
		if n, _ := j.sees(r, actor); n != whole {
			j.problem(r, "%s sees %d of %d rows", actor.Name, n, whole)
		}
		j.refuse(r, actor.Name, actor, "removes rows", "delete from "+r.name)
		if r.writes == ofSystem {
			j.refuse(r, actor.Name, actor, "changes rows", "update "+r.name+" set "+r.touch)
		}
	}
	if r.one {
		for _, actor := range []keepsake.Actor{system, unbound} {
			j.refuse(r, actor.Name, actor, "removes rows", "delete from "+r.name)
			j.refuse(r, actor.Name, actor, "adds a row", "insert into "+r.name+" select * from "+r.name)
		}
	}
}
