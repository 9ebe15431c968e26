package scope

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Belonging says what a table is to a scope.
type Belonging string

// What a table is to a scope.
const (
	Owned   Belonging = "owned"   // its rows that lead to the scope's root belong to the scope
	Shared  Belonging = "shared"  // rows of the scope point at it: restored where missing, never rewound
	Outside Belonging = "outside" // not touched
)

// Table is one table of the platform as a scope sees it. A partitioned table counts as one.
type Table struct {
	Name    string              `json:"name"` // schema.table
	Belongs Belonging           `json:"belongs"`
	Why     string              `json:"why"`
	Key     []string            `json:"key"`               // primary key columns
	Columns []repository.Column `json:"columns,omitempty"` // with stored values
	parts   []*repository.Table
}

// Edge is a reference along which a scope is walked.
type Edge struct {
	repository.ForeignKey
	Virtual bool `json:"virtual,omitempty"` // PostgreSQL does not hold rows to it: only the data map knows it, or a parent
}

// Plan says how a scope lies in the platform's tables.
type Plan struct {
	Wide    bool   `json:"wide,omitempty"` // whole tables; there is no root then
	Root    string `json:"root"`           // the scope's root table
	RootKey string `json:"root_key"`       // its primary key, one column
	// the owned ones first, from the root outwards, then the shared, then the rest
	Tables []*Table `json:"tables"`
	Owning []Edge   `json:"owning"` // from an owned table to an owned one
	Points []Edge   `json:"points"` // from an owned table to a shared one, and from the root into its own scope
}

// Table returns a table of the plan, or nil where there is none.
func (p *Plan) Table(name string) *Table {
	i := slices.IndexFunc(p.Tables, func(t *Table) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return p.Tables[i]
}

// Of returns the tables with this Belonging, in order.
func (p *Plan) Of(b Belonging) []*Table {
	return slices.DeleteFunc(slices.Clone(p.Tables), func(t *Table) bool { return t.Belongs != b })
}

// FromManifest plans a scope from what a recovery point knows. It needs no database.
func FromManifest(m *repository.Manifest, d keepsake.DataMap, root string) (*Plan, error) {
	tables, byName := tablesOf(m)
	keys, err := references(m, byName)
	if err != nil {
		return nil, err
	}
	return newPlan(tables, keys, d, root)
}

// tablesOf are a recovery point's tables, with each partitioned one as one.
func tablesOf(m *repository.Manifest) (tables []*Table, byName map[string]*Table) {
	byName = map[string]*Table{}
	for i := range m.Tables {
		t := &m.Tables[i]
		if t.Kind == repository.KindLargeObjects {
			continue
		}
		name := t.Root
		if name == "" || !certain(name) {
			name = keepsake.TableName(t.Schema, t.Name.Name)
		}
		if byName[name] == nil {
			byName[name] = &Table{Name: name, Key: t.Key, Columns: t.Columns}
			tables = append(tables, byName[name])
		}
		byName[name].parts = append(byName[name].parts, t)
	}
	slices.SortFunc(tables, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	return tables, byName
}

// certain reports that a full name means one table only. Recovery points of before quoted nothing, and a.b.c may be two
// tables then.
func certain(full string) bool {
	return keepsake.TableName(keepsake.SplitTableName(full)) == full || strings.Count(full, ".") < 2
}

// References returns a recovery point's foreign keys, by the full names of its tables.
func References(m *repository.Manifest) ([]repository.ForeignKey, error) {
	_, byName := tablesOf(m)
	return references(m, byName)
}

// references reads names of before, where nothing was quoted, by the tables that the recovery point has.
func references(m *repository.Manifest, byName map[string]*Table) ([]repository.ForeignKey, error) {
	before := map[string][]string{}
	for full := range byName {
		schema, name := keepsake.SplitTableName(full)
		before[schema+"."+name] = append(before[schema+"."+name], full)
	}
	out := slices.Clone(m.Keys)
	for i := range out {
		for _, name := range []*string{&out[i].Child, &out[i].Parent} {
			switch meant := before[*name]; {
			case byName[*name] != nil:
			case len(meant) == 1:
				*name = meant[0]
			case !certain(*name):
				return nil, keepsake.Errorf(keepsake.CodeUnsupported,
					"Recovery point %s was made by an earlier version, which wrote the names of tables so that %s may be "+
						"more than one. "+
						"Nothing was read or written. Restore it into a database of its own, and make a new backup.", m.ID, *name)
			}
		}
	}
	return out, nil
}

// edgesOf are the references between known tables, declared ones first.
func edgesOf(byName map[string]*Table, declared []repository.ForeignKey, d keepsake.DataMap) (edges []Edge) {
	for i, fk := range platform.References(declared, d) {
		if byName[fk.Child] != nil && byName[fk.Parent] != nil {
			edges = append(edges, Edge{fk, fk.Inherited || i >= len(declared)})
		}
	}
	return edges
}

// FromCatalog plans a scope from the live platform.
func FromCatalog(c *platform.Catalog, d keepsake.DataMap, root string) (*Plan, error) {
	seen := map[string]bool{}
	var tables []*Table
	for _, r := range c.Tables {
		if seen[r.Root] {
			continue
		}
		seen[r.Root] = true
		t := &Table{Name: r.Root, Key: c.Keys[r.Root]}
		for _, col := range r.Columns {
			t.Columns = append(t.Columns, repository.Column{Name: col.Name, Type: col.Type})
		}
		tables = append(tables, t)
	}
	return newPlan(tables, c.ForeignKey, d, root)
}

// newPlan walks the graph. The cost is O(tables · foreign keys) at worst.
func newPlan(tables []*Table, declared []repository.ForeignKey, d keepsake.DataMap, root string) (*Plan, error) {
	root = keepsake.QualifiedName(root)
	p := &Plan{Root: root}
	slices.SortFunc(tables, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	byName := map[string]*Table{}
	for _, t := range tables {
		t.Belongs, byName[t.Name] = Outside, t
	}
	top := byName[root]
	if top == nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"there is no table %s: data_map in the configuration names the root of a scope", root)
	}
	if len(top.Key) != 1 {
		return nil, keepsake.Errorf(keepsake.CodeUnsupported,
			"the root table %s has a primary key of %d columns; exactly one is needed to name one of its rows",
			root, len(top.Key))
	}
	p.RootKey = top.Key[0]
	edges := edgesOf(byName, declared, d)
	never := map[string]bool{} // belong to no scope but their own
	if o := keepsake.QualifiedName(d.Organization.Table); o != root {
		never[o] = true
	}
	for _, name := range d.Shared {
		never[keepsake.QualifiedName(name)] = true
	}
	top.Belongs, top.Why = Owned, "it is the root of the scope"
	order := []*Table{top}
	for i := 0; i < len(order); i++ {
		for _, e := range edges {
			child := byName[e.Child]
			if e.Parent != order[i].Name || child.Belongs == Owned || never[e.Child] {
				continue
			}
			child.Belongs, child.Why = Owned, e.text()
			order = append(order, child)
		}
	}
	aside := p.aside(edges, never, keepsake.QualifiedName(d.Wedding.Table))
	for _, e := range edges {
		child, parent := byName[e.Child], byName[e.Parent]
		switch {
		case child.Belongs != Owned:
		case parent.Belongs == Owned && e.Child != root && !aside(e):
			p.Owning = append(p.Owning, e)
		default:
			p.Points = append(p.Points, e)
			if parent.Belongs == Outside {
				parent.Belongs = Shared
				parent.Why = "rows of the scope point at it: " + e.text()
				order = append(order, parent)
			}
		}
	}
	for _, t := range tables {
		if t.Belongs == Outside {
			t.Why = "no reference leads from it to " + root
			if never[t.Name] {
				t.Why = "the data map keeps it out of the scope"
			}
			order = append(order, t)
		}
	}
	p.Tables = order
	return p, nil
}

// aside reports references along which an organization's scope is not walked although both tables belong to it: what
// belongs to a wedding goes with its wedding, and a wedding with the organization that it names. Otherwise the weddings
// of others that one of its people plans, or one of its suppliers works at, would come along.
func (p *Plan) aside(edges []Edge, never map[string]bool, wedding string) func(Edge) bool {
	direct := slices.ContainsFunc(edges, func(e Edge) bool { return e.Child == wedding && e.Parent == p.Root })
	if p.Root == wedding || !direct {
		return func(Edge) bool { return false }
	}
	under := map[string]bool{wedding: true}
	for again := true; again; {
		again = false
		for _, e := range edges {
			if under[e.Parent] && !under[e.Child] && !never[e.Child] && e.Child != p.Root {
				under[e.Child], again = true, true
			}
		}
	}
	return func(e Edge) bool { return under[e.Child] && !under[e.Parent] && e.Parent != p.Root }
}

// text is the reference in words.
func (e Edge) text() string {
	s := fmt.Sprintf("%s (%s) references %s (%s)", e.Child, strings.Join(e.Columns, ", "), e.Parent,
		strings.Join(e.ParentColumns, ", "))
	switch {
	case e.Inherited:
		s += ", as a table that it inherits from does"
	case e.Virtual:
		s += ", as the data map says"
	}
	return s
}
