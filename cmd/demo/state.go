package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// state is what a second run must know of the first. It holds the passwords, so only its owner may read it.
type state struct {
	Weddings        int    `json:"weddings"`
	Large           bool   `json:"large"`
	Filled          bool   `json:"filled"`      // the platform has its rows
	Initialised     bool   `json:"initialised"` // the repository is there
	Admin           bool   `json:"admin"`       // the super admin is there
	ConsolePassword string `json:"console_password"`
	OwnerPassword   string `json:"owner_password"` // of the role that owns the console's tables
	AdminPassword   string `json:"admin_password"`
	Ports           ports  `json:"ports"`
}

// ports stay the same from run to run where they can, so that bookmarks and open sessions survive.
type ports struct {
	Postgres int `json:"postgres"`
	S3       int `json:"s3"`
	GCS      int `json:"gcs"`
	Console  int `json:"console"`
}

func (w *world) load() error {
	b, err := os.ReadFile(w.path("state.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &w.state); err != nil {
		return fmt.Errorf("%s cannot be read: make demo-reset starts anew: %w", w.path("state.json"), err)
	}
	return nil
}

func (w *world) save() error {
	b, err := json.MarshalIndent(w.state, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(w.path("state.json"), b)
}

// writeFile replaces a file that only its owner may read, whole or not at all.
func writeFile(path string, b []byte) error {
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (w *world) path(elements ...string) string {
	return filepath.Join(append([]string{w.dir}, elements...)...)
}

// choosePorts keeps the ports of the last run where they are free.
func (w *world) choosePorts(console int) error {
	p := &w.state.Ports
	if p.Console == 0 {
		p.Console = console
	}
	for _, port := range []*int{&p.Postgres, &p.S3, &p.GCS, &p.Console} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(*port)))
		if err != nil {
			if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return fmt.Errorf("find a free port: %w", err)
			}
		}
		*port = l.Addr().(*net.TCPAddr).Port
		defer func() { _ = l.Close() }() // all together at the end, so that no two are the same
	}
	return w.save()
}

// relative is a path as a person would type it here.
func relative(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	short, err := filepath.Rel(here, path)
	if err != nil || len(short) > len(path) {
		return path
	}
	return short
}
