package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// List implements Provider.
func (f *file) List(ctx context.Context, prefix string, fn func(Object) error) error {
	at, err := f.place()
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	folder, name := path.Split(prefix)
	if folder = strings.TrimSuffix(folder, "/"); folder == "" {
		folder = "."
	}
	return walk(ctx, at.base, folder, name, func(o Object) error {
		if at.disk.hides(o.Key) {
			return nil
		}
		return fn(o)
	})
}

// walk calls fn for the objects in folder whose names begin with name, and for all in the folders that do.
func walk(ctx context.Context, base *os.Root, folder, name string, fn func(Object) error) error {
	h, err := base.Open(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", folder, err)
	}
	defer h.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := h.ReadDir(1000)
		for _, e := range entries {
			if e.Name()[0] == '.' || !strings.HasPrefix(e.Name(), name) {
				continue
			}
			if err := visit(ctx, base, path.Join(folder, e.Name()), e.IsDir(), fn); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ENOTDIR):
			return nil
		case err != nil:
			return fmt.Errorf("list %s: %w", folder, err)
		}
	}
}

func visit(ctx context.Context, base *os.Root, key string, isDir bool, fn func(Object) error) error {
	if isDir {
		return walk(ctx, base, key, "", fn)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := base.Stat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // deleted since the folder was read
	case err != nil:
		return fmt.Errorf("list %s: %w", key, err)
	case !info.Mode().IsRegular() || IsProbe(key):
		return nil
	}
	return fn(Object{Key: key, Size: info.Size()})
}
