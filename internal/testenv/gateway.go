package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"
)

const gatewayPackage = "github.com/versity/versitygw/cmd/versitygw"

var gatewayVersion = regexp.MustCompile(`(?m)^\s*github\.com/versity/versitygw (v\S+)`)

// gateway returns the path of the S3 server's program, building it into the repository's .build folder if it is not
// there. Test binaries that race for it wait for the first.
func gateway(ctx context.Context) (string, error) {
	root, err := repositoryRoot()
	if err != nil {
		return "", err
	}
	modfile, err := os.ReadFile(filepath.Join(root, "tools.mod"))
	if err != nil {
		return "", fmt.Errorf("read the modfile of the tools: %w", err)
	}
	version := gatewayVersion.FindSubmatch(modfile)
	if version == nil {
		return "", errors.New("tools.mod does not require the S3 server versitygw")
	}
	folder := filepath.Join(root, ".build")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("make the build folder: %w", err)
	}
	program := filepath.Join(folder, "versitygw-"+string(version[1]))
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	lock, err := os.OpenFile(filepath.Join(folder, "versitygw.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := flock(lock); err != nil {
		return "", fmt.Errorf("wait for another build of the S3 server: %w", err)
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	unfinished := program + ".new"
	cmd := exec.CommandContext(ctx, "go", "build", "-race=false", "-modfile=tools.mod", "-o", unfinished,
		gatewayPackage)
	cmd.Dir = root
	// Neither -race nor a workspace of the caller belongs into the server. The caller's other flags stay, and there is no
	// cgo: so it shares what was compiled for the other tools.
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the S3 server: %w: %s", err, out)
	}
	return program, os.Rename(unfinished, program)
}

// flock waits for the exclusive lock; closing the file releases it.
func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// repositoryRoot walks up from the working directory to the folder of go.mod.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no go.mod in %s or above: run this inside the checkout", dir)
		}
	}
}
