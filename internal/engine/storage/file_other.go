//go:build !linux

package storage

import (
	"errors"
	"os"
)

// renameNew moves temp to key and fails with fs.ErrExist when key is there.
func renameNew(base *os.Root, temp, key string) error { return linkNew(base, temp, key) }

// startWriteBack has no counterpart here.
func startWriteBack(*os.File) {}

func syncfs(*os.File) error { return errors.ErrUnsupported }

// syncfsReports is false: every file is synced by itself.
func syncfsReports(*os.File) bool { return false }
