package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// IdentityKey is the name of the object in which a place says which provider it is. This package reads it for one
// purpose: to tell whether a directory that has taken another's path is the same disk, mounted again.
const IdentityKey = "provider.json"

// maxIdentity bounds what is read of it here, in bytes.
const maxIdentity = 64 << 10

// ErrNoPlace is what every operation returns, wrapped, while the place itself is not there: its directory is missing,
// or its path leads to another directory now. It is not ErrNotFound, because nothing is known of any object.
var ErrNoPlace = errors.New("the place of the provider is not there")

// errReplaced is what lies under ErrNoPlace when another directory has taken the path.
var errReplaced = errors.New("another directory is at its path now")

// place is a directory that was opened.
// Its handle outlives a move or a lazy unmount, so each use compares it with the path.
type place struct {
	base     *os.Root
	info     fs.FileInfo
	identity []byte // as it was at the start; nil where there was none
	disk     disk
}

// MakePlace makes the directory of a provider that has one. For other providers it does nothing. Only a command that
// begins to use a provider calls it.
func MakePlace(ctx context.Context, p Provider) error {
	if m, ok := p.(interface {
		MakePlace(ctx context.Context) error
	}); ok {
		return m.MakePlace(ctx)
	}
	return nil
}

// MakePlace makes the directory.
func (f *file) MakePlace(context.Context) error {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	_, err := f.place()
	return err
}

// MakePlace passes the wish on. Making a directory needs no second attempt.
func (r *retried) MakePlace(ctx context.Context) error { return MakePlace(ctx, r.p) }

// place returns the directory that is at the path now.
// Where it is not the one that was opened, it must carry the same identity.
func (f *file) place() (*place, error) {
	info, err := os.Stat(f.path) // before the lock: it hangs where a network mount does
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", f.path, errors.Join(ErrNoPlace, err))
	}
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR // OpenRoot's own error has no type
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.path, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mine != nil && os.SameFile(f.mine.info, info) {
		return f.mine, nil
	}
	found, err := f.open(info)
	if err != nil {
		return nil, err
	}
	if f.mine != nil && f.mine.disk.dirty() { // others may have opened what is there now
		found.disk.replaced()
	}
	f.mine = found
	return found, nil
}

// open returns the place that is at the path now, for an operation that begins or whose own place is not there any
// more.
func (d *directory) open(info fs.FileInfo) (*place, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil && os.SameFile(d.current.info, info) {
		if d.current.disk.hasFailed() {
			if next, err := openPlace(d.path); err == nil && next.renews(d.current) == nil {
				d.current = next // the other one stays open for operations that use it
			}
		}
		return d.current, nil
	}
	found, err := openPlace(d.path)
	if err != nil {
		return nil, err
	}
	if d.current != nil {
		if err := d.current.followedBy(found); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", d.path, err), found.close())
		}
	}
	d.current = found
	return found, nil
}

// renews prepares a place that was opened anew because a sync of the one before failed.
func (at *place) renews(before *place) error {
	for _, key := range at.disk.inherit(&before.disk) {
		if err := at.rewrite(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, at.close())
		}
	}
	return nil
}

// rewrite writes an object again as it is.
func (at *place) rewrite(key string) error {
	body, err := at.base.ReadFile(key)
	if err != nil {
		return err
	}
	temp, h, err := createTemp(at.base)
	if err != nil {
		return err
	}
	if _, err = h.Write(body); err == nil {
		err = at.base.Rename(temp, key)
	}
	if err != nil {
		return errors.Join(err, h.Close(), at.base.Remove(temp))
	}
	at.disk.wrote(key, h)
	return nil
}

func openPlace(name string) (*place, error) {
	base, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the directory: %w", err)
	}
	at := &place{base: base}
	if at.info, err = base.Stat("."); err == nil {
		err = at.disk.open(base)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the directory: %w", err), base.Close())
	}
	at.identity = at.readIdentity()
	if err := removeStale(base); err != nil {
		return nil, errors.Join(fmt.Errorf("clear the directory of unfinished files: %w", err), at.close())
	}
	return at, nil
}

// readIdentity returns the identity object, or nil.
func (at *place) readIdentity() []byte {
	info, err := at.base.Stat(IdentityKey)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxIdentity {
		return nil
	}
	body, err := at.base.ReadFile(IdentityKey)
	if err != nil {
		return nil
	}
	return body
}

// followedBy refuses a directory that has taken the path of this one, unless it is the same disk mounted again, or
// nothing was ever kept here. What was written and not made durable is then durable only if the disk was unmounted in
// order, which nobody knows: Sync says so.
func (at *place) followedBy(next *place) error {
	if at.identity == nil {
		at.identity = at.readIdentity()
	}
	if at.identity == nil {
		return nil
	}
	if !bytes.Equal(at.identity, next.identity) {
		return errors.Join(ErrNoPlace, errReplaced)
	}
	if at.disk.dirty() {
		next.disk.replaced()
	}
	_ = next.disk.inherit(&at.disk) // no identity is written again: the place that was found says which one it is
	return nil
}

// replaced makes every sync fail: what was written before this place was opened may not be on the disk.
func (d *disk) replaced() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail(errReplaced)
}

// close gives the handles of a place back that is not used after all.
func (at *place) close() error {
	err := at.base.Close()
	if at.disk.whole != nil {
		err = errors.Join(err, at.disk.whole.Close())
	}
	return err
}
