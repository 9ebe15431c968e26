package storage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	tempFolder = ".tmp" // on the same file system as the objects, so that a rename publishes; no key begins with a dot
	staleAfter = 24 * time.Hour
	fileStep   = 4 << 20 // bytes read or written between two looks at the context
)

// file keeps objects as files below one directory. Everything goes through an os.Root, so that no key and no symbolic
// link leads outside of it.
//
// Each operation has a file of its own (see begin) that goes on with the place it began with: what it wrote is durable
// only if that place's syncs succeed.
type file struct {
	*directory

	mu   sync.Mutex
	mine *place // nil until this operation has found the directory
}

// directory is the path of a provider and what was found there last, for all operations of the process.
type directory struct {
	path string

	mu      sync.Mutex
	current *place // nil until the directory was there
}

// begin returns the provider for one more operation.
func (f *file) begin() Provider { return &file{directory: f.directory} }

// OpenFile opens the directory at name as a Provider. While the directory is not there, every operation returns
// ErrNoPlace, because a disk that is not mounted must not be taken for an empty one. Only MakePlace makes the
// directory.
func OpenFile(name string) (Provider, error) {
	if name == "" {
		return nil, settingError("The directory of a provider has no name.")
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("open directory: %w", err)
	}
	f := &file{directory: &directory{path: name}}
	if _, err := f.place(); err != nil && !errors.Is(err, ErrNoPlace) {
		return nil, err
	}
	return f, nil
}

// Put implements Provider. It trusts sum: what it confirms is that the kernel took every byte; see Sync for the disk.
func (f *file) Put(ctx context.Context, key string, body []byte, _ [sha256.Size]byte, replace bool) error {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return err
	}
	at, err := f.place()
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	base := at.base
	replace = replace || at.disk.hides(key)
	if !replace {
		// The rename below decides; this saves writing a body that is already there.
		if _, err := base.Lstat(key); err == nil {
			at.disk.taken(key)
			return fmt.Errorf("put %s: %w", key, ErrExists)
		}
	}
	temp, h, err := createTemp(base)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	err = writeAll(ctx, h, body)
	if err == nil {
		err = publish(base, temp, key, replace)
	}
	if err != nil {
		err = errors.Join(err, h.Close(), base.Remove(temp))
		if errors.Is(err, fs.ErrExist) {
			at.disk.taken(key)
			return fmt.Errorf("put %s: %w", key, ErrExists)
		}
		return fmt.Errorf("put %s: %w", key, err)
	}
	at.disk.wrote(key, h)
	return nil
}

// createTemp opens a new file that no reader looks for.
func createTemp(base *os.Root) (string, *os.File, error) {
	name := tempFolder + "/" + rand.Text()
	h, err := base.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err := base.MkdirAll(tempFolder, 0o700); err != nil {
			return "", nil, err
		}
		h, err = base.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	return name, h, err
}

// removeStale clears away what killed processes left behind. A file that a living one still writes is younger.
func removeStale(base *os.Root) error {
	h, err := base.Open(tempFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer h.Close()
	names, err := h.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		name = tempFolder + "/" + name
		if info, err := base.Lstat(name); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = base.Remove(name) // a read-only directory may be opened too
		}
	}
	return nil
}

func writeAll(ctx context.Context, h *os.File, body []byte) error {
	for len(body) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := h.Write(body[:min(len(body), fileStep)])
		if err != nil {
			return err
		}
		body = body[n:]
		moved(ctx, n)
	}
	// After this look nobody who gave up waiting for this Put is surprised by an object that appears later.
	return ctx.Err()
}

// publish gives the written file its name in one step, making the folders on the way when they are missing.
func publish(base *os.Root, temp, key string, replace bool) error {
	move := renameNew
	if replace {
		move = func(base *os.Root, temp, key string) error { return base.Rename(temp, key) }
	}
	err := move(base, temp, key)
	if errors.Is(err, fs.ErrNotExist) {
		if err := base.MkdirAll(path.Dir(key), 0o700); err != nil {
			return err
		}
		err = move(base, temp, key)
	}
	return err
}

// linkNew is renameNew for file systems without an atomic rename that refuses to overwrite.
func linkNew(base *os.Root, temp, key string) error {
	if err := base.Link(temp, key); err != nil {
		return err
	}
	return base.Remove(temp)
}

// Get implements Provider.
func (f *file) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return nil, err
	}
	from, err := f.place()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	// Without O_NONBLOCK, a named pipe in the object's place would block for ever.
	h, err := from.base.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, notFound("read", key, err)
	}
	defer h.Close()
	info, err := h.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", key, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read %s: a %s is in its place: %w", key, kindOf(info.Mode()), ErrNotFound)
	case info.Size() > limit:
		return nil, tooLarge(key, limit)
	}
	body := make([]byte, info.Size())
	for at := 0; at < len(body); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := io.ReadFull(h, body[at:min(at+fileStep, len(body))])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
		at += n
		moved(ctx, n)
	}
	return body, nil
}

func kindOf(m fs.FileMode) string {
	if m.IsDir() {
		return "directory"
	}
	return "special file"
}

func notFound(verb, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %s: %w", verb, key, ErrNotFound)
	}
	return fmt.Errorf("%s %s: %w", verb, key, err)
}

// Stat implements Provider.
func (f *file) Stat(ctx context.Context, key string) (Object, error) {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return Object{}, err
	}
	at, err := f.place()
	if err != nil {
		return Object{}, fmt.Errorf("look up %s: %w", key, err)
	}
	info, err := at.base.Stat(key)
	if err == nil && at.disk.hides(key) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Object{}, notFound("look up", key, err)
	}
	if !info.Mode().IsRegular() {
		return Object{}, fmt.Errorf("look up %s: a %s is in its place: %w", key, kindOf(info.Mode()), ErrNotFound)
	}
	return Object{Key: key, Size: info.Size()}, nil
}

// Delete implements Provider.
func (f *file) Delete(ctx context.Context, key string) error {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return err
	}
	at, err := f.place()
	if err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	if err := at.base.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	at.disk.removed(key)
	return nil
}

// Sync implements Provider.
func (f *file) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	at, err := f.place()
	if err == nil {
		err = at.disk.sync()
	}
	if err != nil {
		return fmt.Errorf("make %s durable: %w", f.path, err)
	}
	return ctx.Err()
}
