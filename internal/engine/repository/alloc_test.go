//go:build !race

package repository

import "testing"

// TestChunkIDAllocatesNothing: it runs once per chunk on every core. (Under -race, sync.Pool drops items on purpose.)
func TestChunkIDAllocatesNothing(t *testing.T) {
	_, k, _ := testRepository(t)
	plain := copyBinary(4096)
	k.ChunkID(plain)
	if n := testing.AllocsPerRun(1000, func() { k.ChunkID(plain) }); n >= 1 {
		t.Errorf("%g allocations per call", n)
	}
}
