package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// unprivileged returns the account a server must run as that refuses root, or nil when this process is not root.
// Another root has accounts of its own.
func unprivileged(root string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := lookup(root, name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the user id of %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the group id of %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no account postgres or nobody to run it as")
}

// lookup finds an account of a root.
func lookup(root, name string) (*user.User, error) {
	if root == "" {
		return user.Lookup(name)
	}
	accounts, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(accounts)) {
		if f := strings.Split(line, ":"); f[0] == name && len(f) > 3 {
			return &user.User{Username: name, Uid: f[2], Gid: f[3]}, nil
		}
	}
	return nil, user.UnknownUserError(name)
}

// asAccount is how a child runs as cred with its data in dir. The data belongs to the account; when a folder on the way
// to it lets only this process pass (a checkout below /root), the child keeps the one capability that lets it pass too.
func asAccount(cred *syscall.Credential, dir string) *syscall.SysProcAttr {
	if cred == nil {
		return &syscall.SysProcAttr{}
	}
	attr := &syscall.SysProcAttr{Credential: cred}
	for d := filepath.Dir(dir); ; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err == nil && info.Mode()&0o001 == 0 {
			attr.AmbientCaps = passage()
			return attr
		}
		if d == filepath.Dir(d) {
			return attr
		}
	}
}

// passage is the smallest capability this process can hand on that opens the way through closed folders.
func passage() []uintptr {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return nil
	}
	for _, c := range []uintptr{unix.CAP_DAC_READ_SEARCH, unix.CAP_DAC_OVERRIDE} {
		if data[0].Permitted&(1<<c) != 0 {
			return []uintptr{c}
		}
	}
	return nil
}
