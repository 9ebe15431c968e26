package storage

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	behind      = 64 // files that wait for their write-back to be started; beyond that Sync does it
	syncWorkers = 16 // fsyncs at once: the file system joins them into few commits of its journal
)

// disk makes written files durable. Measured on ext4 with 1,500 files of 300 KiB: starting each file's write-back as it
// is written and one syncfs at the end took less than half the time of an fsync for each file. Where syncfs does not
// report lost writes, every file and its folder are fsynced instead.
//
// A failed sync is remembered: the kernel reports a lost write once, and a second sync that succeeds proves nothing.
// The next operation opens the place anew, without what may be lost: see disk.inherit.
type disk struct {
	base  *os.Root
	whole *os.File // opened before the first write, so that syncfs reports every lost write since; nil: fsync each file

	mu      sync.Mutex
	changes int64           // counts writes and removals
	durable int64           // how many of them the last sync covered
	pending map[string]bool // keys of what no sync has covered; true: this process wrote it
	doubted map[string]bool // the same of what a sync has covered that failed
	hidden  map[string]seen // what was written before this place was opened, and may not be on the disk
	queue   []*os.File      // files whose write-back is to be started
	idle    chan struct{}   // closed when the queue's goroutine has ended; nil when none was started
	failed  error
}

func (d *disk) open(base *os.Root) error {
	d.base, d.pending, d.doubted, d.hidden = base, map[string]bool{}, map[string]bool{}, map[string]seen{}
	h, err := base.Open(".")
	if err != nil {
		return err
	}
	if !syncfsReports(h) {
		return h.Close()
	}
	d.whole = h
	return nil
}

// wrote takes over a written file: it is closed when the disk has started on it.
func (d *disk) wrote(key string, h *os.File) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed(key, true)
	delete(d.hidden, key)
	if len(d.queue) >= behind {
		d.fail(h.Close())
		return
	}
	d.queue = append(d.queue, h)
	if d.idle == nil {
		d.idle = make(chan struct{})
		go d.startWriteBack(d.idle)
	}
}

func (d *disk) removed(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed(key, false)
	delete(d.hidden, key)
}

func (d *disk) changed(key string, written bool) {
	d.changes++
	d.pending[key] = d.pending[key] || written
}

func (d *disk) fail(err error) {
	if d.failed == nil {
		d.failed = err
	}
}

// startWriteBack works until the queue is empty; sync waits for it.
func (d *disk) startWriteBack(idle chan struct{}) {
	defer close(idle)
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.queue) > 0 {
		h := d.queue[0]
		d.queue = d.queue[1:]
		d.mu.Unlock()
		startWriteBack(h)
		err := h.Close() // network file systems report a failed write here
		d.mu.Lock()
		d.fail(err)
	}
	d.queue, d.idle = nil, nil
}

func (d *disk) sync() error {
	d.mu.Lock()
	for d.idle != nil {
		idle := d.idle
		d.mu.Unlock()
		<-idle
		d.mu.Lock()
	}
	target, keys := d.changes, d.pending
	if d.failed != nil || target == d.durable {
		defer d.mu.Unlock()
		return d.failed
	}
	d.pending = map[string]bool{}
	d.mu.Unlock()

	var err error
	if d.whole != nil {
		err = syncfs(d.whole)
	} else {
		err = d.syncEach(keys)
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail(err)
	d.durable = max(d.durable, target)
	if d.failed != nil {
		maps.Copy(d.doubted, keys)
	}
	return d.failed
}

// dirty reports whether something was written that no sync has covered.
func (d *disk) dirty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changes != d.durable
}

// hasFailed reports whether a sync failed.
func (d *disk) hasFailed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed != nil
}

// hides reports whether an object may not be on the disk, although it can be read: a sync that should have made it
// durable failed. It counts as missing, so that whoever needs it stores it again. It is hidden no longer when somebody
// else has written it later, or has removed it.
func (d *disk) hides(key string) bool {
	d.mu.Lock()
	was, hidden := d.hidden[key]
	d.mu.Unlock()
	if !hidden {
		return false
	}
	now, there := d.look(key)
	if there && !now.writtenAfter(was) {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hidden[key] == was {
		delete(d.hidden, key)
	}
	return false
}

// seen tells an object from one that is stored in its place later. The number of its inode would not do: some network
// file systems give a file another one at times.
type seen struct {
	at   int64 // nanoseconds; 0: not known
	size int64 // 0: not known, or none
}

// writtenAfter reports whether s was written later than o, as far as their times tell. A file that lost its content has
// no size, and one that was copied back from elsewhere may be older.
func (s seen) writtenAfter(o seen) bool { return s.size > 0 && o.at != 0 && s.at > o.at }

// look returns how an object can be told, and false when it is not there.
func (d *disk) look(key string) (seen, bool) {
	info, err := d.base.Lstat(key)
	if err != nil {
		return seen{}, !errors.Is(err, fs.ErrNotExist)
	}
	return seen{at: info.ModTime().UnixNano(), size: info.Size()}, true
}

// inherit takes over, from a place that is opened anew, what is in doubt there. What this process wrote is hidden.
// Nothing is removed: what it only relied upon may be sound for a long time, and is made durable with the next sync. It
// returns the keys that must be written again, which say which place this is.
func (d *disk) inherit(from *disk) (again []string) {
	from.mu.Lock()
	all := maps.Clone(from.doubted)
	for key, written := range from.pending {
		all[key] = all[key] || written
	}
	hidden := maps.Clone(from.hidden)
	from.mu.Unlock()
	for key, written := range all {
		if !written || !strings.Contains(key, "/") {
			continue
		}
		if now, there := d.look(key); there {
			hidden[key] = now
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, written := range all {
		switch {
		case !written:
			if d.whole == nil {
				d.changed(key, false)
			}
		case !strings.Contains(key, "/"):
			again = append(again, key)
		}
	}
	d.hidden = hidden
	return again
}

// syncEach fsyncs the files, then the folders that name them, up to the base.
func (d *disk) syncEach(keys map[string]bool) error {
	folders := map[string]struct{}{".": {}}
	var files errgroup.Group
	files.SetLimit(syncWorkers)
	for key := range keys {
		for folder := path.Dir(key); folder != "."; folder = path.Dir(folder) {
			folders[folder] = struct{}{}
		}
		files.Go(func() error { return d.syncOne(key) })
	}
	if err := files.Wait(); err != nil {
		return err
	}
	var dirs errgroup.Group
	dirs.SetLimit(syncWorkers)
	for folder := range folders {
		dirs.Go(func() error { return d.syncOne(folder) })
	}
	return dirs.Wait()
}

func (d *disk) syncOne(name string) error {
	h, err := d.base.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed since; its folder is synced
	}
	if err != nil {
		return err
	}
	return errors.Join(h.Sync(), h.Close())
}
