package search

import "strconv"

// Lost returns the weddings that some directories hold and one does not. Each is described as in the first directory
// that holds it.
func Lost(in *Directory, from ...*Directory) *Directory {
	b := NewBuilder()
	for n, d := range from {
		for i := range d.weddings {
			w := &d.weddings[i]
			if _, there := b.weddings[w.id]; there || in.Has(w.id) {
				continue
			}
			o := &d.organizations[w.organization]
			if o.known {
				b.Organization(o.id, o.name)
			}
			b.Wedding(w.id, w.couple, o.id, w.date, w.places...)
			for _, v := range w.vendors {
				key := strconv.Itoa(n) + "/" + strconv.Itoa(int(v)) // a place in that directory alone
				if _, there := b.vendors[key]; !there {
					b.Vendor(key, d.vendors[v].name.text, d.vendors[v].place.text)
				}
				b.Link(w.id, key)
			}
		}
	}
	return b.Done()
}

// Has reports whether a directory holds a wedding.
func (d *Directory) Has(id string) bool {
	d.named.Do(func() {
		d.ids = make(map[string]struct{}, len(d.weddings))
		for i := range d.weddings {
			d.ids[d.weddings[i].id] = struct{}{}
		}
	})
	_, there := d.ids[id]
	return there
}
