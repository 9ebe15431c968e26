package scope

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// relation is a table of the recovery point as its rows are read.
func (r *rowReader) relation(t *repository.Table) platform.Relation {
	rel := platform.Relation{Schema: t.Schema, Name: t.Name.Name, Format: t.Format, Encoding: r.encoding}
	for _, c := range t.Columns {
		rel.Columns = append(rel.Columns, platform.Column{
			Name:    c.Name,
			Type:    c.Type,
			TypeOID: platform.BuiltinOID(c.Type),
			Equal:   t.Equality[c.Name],
		})
	}
	return rel
}

// form is how the values of a table's column are equal: "" where it is not stored in one of the table's parts.
func (r *rowReader) form(t *Table, column string) platform.Form {
	form := platform.Form("")
	for i, part := range t.parts {
		own := r.relation(part).Form(column)
		switch {
		case own == "":
			return ""
		case i > 0 && own != form:
			own = platform.FormAny
		}
		form = own
	}
	return form
}

func formats(tables ...*Table) (out []string) {
	for _, t := range tables {
		for _, part := range t.parts {
			out = append(out, part.Format)
		}
	}
	return out
}

// addStart makes the link that leads to the root's row.
func (r *rowReader) addStart(root *Table, id string) error {
	own := r.form(root, r.plan.RootKey)
	if own == "" {
		return keepsake.Errorf(keepsake.CodeUnsupported, "the key of %s, %s, is computed by the database and not stored",
			root.Name, r.plan.RootKey)
	}
	all, told := platform.Between(own, own, append(formats(root), repository.FormatText)...)
	l := &link{
		child:   root.Name,
		columns: []string{r.plan.RootKey},
		forms:   []platform.Form{all},
		told:    []platform.Form{told},
		seen:    map[repository.KeyHash]bool{},
	}
	hash, err := r.hashText(root, l, all, id)
	l.fresh = []repository.KeyHash{hash}
	r.links = append(r.links, l)
	r.note(l, root.Name)
	return err
}

// hashText hashes the key of a root row given in text.
func (r *rowReader) hashText(root *Table, l *link, form platform.Form, value string) (repository.KeyHash, error) {
	rel := r.relation(root.parts[0])
	rel.Columns = slices.DeleteFunc(rel.Columns, func(c platform.Column) bool { return c.Name != l.columns[0] })
	rel.Format = repository.FormatText
	kr := rel.NewFormReader([][]string{l.columns}, [][]platform.Form{{form}})
	escaped := strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`).Replace(value)
	var hash repository.KeyHash
	if err := kr.Keys([]byte(escaped+"\n"), func(_ int, h repository.KeyHash) { hash = h }); err != nil {
		return 0, keepsake.Errorf(keepsake.CodeInvalid, "%q is no key of %s, whose column %s is of type %s", value,
			root.Name, l.columns[0], rel.Columns[0].Type)
	}
	return hash, nil
}

// addLink makes the link for a reference: from the rows that are referred to, or backwards to them.
func (r *rowReader) addLink(e Edge, backwards bool) {
	child, parent := r.plan.Table(e.Child), r.plan.Table(e.Parent)
	l := &link{
		child:         e.Child,
		columns:       e.Columns,
		parent:        e.Parent,
		parentColumns: e.ParentColumns,
		seen:          map[repository.KeyHash]bool{},
	}
	for i := range e.Columns {
		from, to := r.form(child, e.Columns[i]), r.form(parent, e.ParentColumns[i])
		if from == "" || to == "" {
			table, column := e.Child, e.Columns[i]
			if to == "" {
				table, column = e.Parent, e.ParentColumns[i]
			}
			r.out.unfollowed[e.Child] = fmt.Sprintf("rows that only this reference leads to are not compared, because "+
				"the recovery point does not hold %s of %s, which the database computes: %s", column, table, e.text())
			return
		}
		all, told := platform.Between(from, to, formats(child, parent)...)
		if e.Period && i == len(e.Columns)-1 {
			all, told = platform.FormAny, platform.FormAny // periods that meet belong together, equal ones or not
		}
		l.forms, l.told = append(l.forms, all), append(l.told, told)
	}
	if backwards {
		l.child, l.parent, l.columns, l.parentColumns = l.parent, l.child, l.parentColumns, l.columns
	}
	r.links = append(r.links, l)
	r.note(l, l.child)
}

// note notes what a link cannot say for certain.
func (r *rowReader) note(l *link, table string) {
	for i, form := range l.forms {
		if form.Exact() && form == l.told[i] {
			continue
		}
		r.out.inexact = true
		why := fmt.Sprintf("which rows of %s belong here is told by %s, whose values can be equal in ways that only the "+
			"platform's server knows", table, l.columns[i])
		if l.told[i] == platform.FormAny {
			why += ": rows of others may be among them"
		}
		r.out.roughly[table] = cmp.Or(r.out.roughly[table], why)
	}
}

// rough says in words why rows of others count as well.
func (r *rowReader) rough() string {
	for _, l := range r.links {
		if i := slices.Index(l.forms, platform.FormAny); i >= 0 {
			return fmt.Sprintf(", with what may be of it: which rows of %s are, only the platform's server can tell by %s",
				l.child, l.columns[i])
		}
	}
	return ""
}

// candidate is a row that may be of the scope.
type candidate struct {
	part, row int
	out       []lead
	told      bool
}

type lead struct {
	link *link
	key  repository.KeyHash
}

// tell leaves in the result's tables the rows that belong to the scope as far as anybody can tell without a server, and
// keeps all that may belong to it for whoever has one.
func (r *rowReader) tell(id string) error {
	if !slices.ContainsFunc(r.links, func(l *link) bool { return !slices.Equal(l.forms, l.told) }) {
		return nil
	}
	root := r.plan.Table(r.plan.Root)
	waiting := map[lead][]*candidate{}
	hash, err := r.hashText(root, r.links[0], r.links[0].told[0], id)
	if err != nil {
		return err
	}
	var all []*candidate
	for n, p := range r.parts {
		forms := make([][]platform.Form, 0, len(p.lists))
		for _, k := range slices.Concat(p.in, p.out) {
			forms = append(forms, k.link.told)
		}
		kr := r.relation(p.part).NewFormReader(p.lists, forms)
		for i, row := range p.kept {
			c := &candidate{part: n, row: i}
			err := kr.Keys(row, func(j int, h repository.KeyHash) {
				if j < len(p.in) {
					s := lead{p.in[j].link, h}
					waiting[s] = append(waiting[s], c)
				} else {
					c.out = append(c.out, lead{p.out[j-len(p.in)].link, h})
				}
			})
			if err != nil {
				return keepsake.Errorf(keepsake.CodeDamaged, "a row of table %s cannot be read: %w", p.table.Name, err)
			}
			all = append(all, c)
		}
	}
	queue, queued := []lead{{r.links[0], hash}}, map[lead]bool{}
	if r.links[0].told[0] == platform.FormAny {
		if named := r.named(root, id, waiting[queue[0]]); len(named) > 0 {
			waiting[queue[0]] = named
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, c := range waiting[queue[0]] {
			if c.told {
				continue
			}
			c.told = true
			for _, s := range c.out {
				if !queued[s] {
					queue, queued[s] = append(queue, s), true
				}
			}
		}
	}
	r.out.maybe, r.out.Tables = r.out.Tables, map[string][]PartRows{}
	told := make([][][]byte, len(r.parts))
	for _, c := range all {
		if c.told {
			told[c.part] = append(told[c.part], r.parts[c.part].kept[c.row])
		}
	}
	for n, p := range r.parts {
		if len(told[n]) > 0 {
			r.out.Tables[p.table.Name] = append(r.out.Tables[p.table.Name], PartRows{p.part, told[n]})
		}
	}
	return nil
}

// named are the root's rows whose key is printed as the text id.
func (r *rowReader) named(root *Table, id string, rows []*candidate) (out []*candidate) {
	reader := NewReader()
	for _, c := range rows {
		p := r.parts[c.part]
		i := slices.IndexFunc(p.part.Columns, func(c repository.Column) bool { return c.Name == r.plan.RootKey })
		values, err := reader.Values(p.part, p.kept[c.row])
		if err == nil && p.table == root && values[i] != nil && *values[i] == id {
			out = append(out, c)
		}
	}
	return out
}
