package report

import "syscall"

// PeakMemory returns the largest resident size of the process so far, in bytes (getrusage(2) gives kilobytes on
// Linux).
func PeakMemory() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss << 10
}
