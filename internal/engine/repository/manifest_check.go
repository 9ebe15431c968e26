package repository

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// check finds what no sound manifest of format 1 holds. Writer and reader share it.
func (m *Manifest) check(repository, id string) error {
	switch {
	case m.Format != FormatVersion:
		return fmt.Errorf("its format is %d, not %d", m.Format, FormatVersion)
	case m.Repository != repository:
		return fmt.Errorf("it is of repository %q, not %s", m.Repository, repository)
	case m.ID != id:
		return fmt.Errorf("it is of recovery point %q, not %q", m.ID, id)
	case m.Time.IsZero():
		return errors.New("it does not say when its snapshot was taken")
	}
	if _, err := ManifestTime(m.ID); err != nil {
		return err
	}
	for i := range m.Schema {
		if err := m.Schema[i].check(); err != nil {
			return fmt.Errorf("schema, chunk %d: %w", i, err)
		}
	}
	return nil
}

// checkLoaded finds what no sound index of format 1 holds. It does not find what only shows in the index's pages.
func (m *Manifest) checkLoaded() error {
	seen := map[Name]bool{}
	for i := range m.Tables {
		t := &m.Tables[i]
		if err := t.check(); err != nil {
			return fmt.Errorf("table %s.%s: %w", t.Schema, t.Name.Name, err)
		}
		if seen[t.Name] {
			return fmt.Errorf("table %s.%s is there twice", t.Schema, t.Name.Name)
		}
		seen[t.Name] = true
	}
	for _, s := range m.Sequences {
		if err := s.check(); err != nil {
			return err
		}
	}
	for _, v := range m.MatViews {
		if err := v.check(); err != nil {
			return err
		}
	}
	return nil
}

// check refuses names that JSON would change: they could not be restored.
func (n Name) check() error {
	if n.Name == "" || !utf8.ValidString(n.Schema) || !utf8.ValidString(n.Name) {
		return fmt.Errorf("the name %q.%q is empty or not UTF-8", n.Schema, n.Name)
	}
	return nil
}

func (t *Table) check() error {
	if err := t.Name.check(); err != nil {
		return err
	}
	switch {
	case t.Kind != KindTable && t.Kind != KindPartition && t.Kind != KindLargeObjects:
		return fmt.Errorf("its kind %q is unknown", t.Kind)
	case t.Format != FormatBinary && t.Format != FormatText:
		return fmt.Errorf("its COPY format %q is unknown", t.Format)
	case t.Rows < 0:
		return fmt.Errorf("it has %d rows", t.Rows)
	}
	for _, c := range t.Columns {
		if c.Name == "" || !utf8.ValidString(c.Name) || !utf8.ValidString(c.Type) {
			return fmt.Errorf("column %q: its name or type is empty or not UTF-8", c.Name)
		}
	}
	return nil
}
