package storage

// Adopter is told of objects that another process has stored and that an operation relies upon now. They may not be on
// the disk yet, for whoever stored them was perhaps killed before its Sync. The next Sync makes them durable.
type Adopter interface {
	Adopt(key string)
}

// AdopterOf returns whom to tell, or nil for a provider whose Sync makes everything durable, whoever stored it.
func AdopterOf(p Provider) Adopter {
	if a, ok := p.(interface{ Adopter() Adopter }); ok {
		return a.Adopter()
	}
	return nil
}

// Adopter passes the question on.
func (a *Attended) Adopter() Adopter { return AdopterOf(a.p) }

// Adopter passes the question on.
func (r *retried) Adopter() Adopter { return AdopterOf(r.p) }

// Adopter returns the directory where it fsyncs each file.
func (f *file) Adopter() Adopter {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mine == nil || f.mine.disk.whole != nil {
		return nil
	}
	return &f.mine.disk
}

// taken notes an object that was there when it should have been stored: the caller takes it if it is sound.
func (d *disk) taken(key string) {
	if d.whole == nil {
		d.Adopt(key)
	}
}

// Adopt implements Adopter.
func (d *disk) Adopt(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed(key, false)
}
