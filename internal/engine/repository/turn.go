package repository

import (
	"encoding/binary"
	"fmt"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Turn numbers the names that the same content may have. A name that a removal list condemns is not used again, and
// what comes back after all gets the name of the next turn.
type Turn uint8

// Turns is how many there are.
const Turns = 64

// The two bytes behind an object's kind hold its epoch and, above it, its turn.
const (
	epochBits = 10
	epochMask = 1<<epochBits - 1
)

// sealer says whose keys seal an object, and under the name of which turn.
type sealer struct {
	epoch uint16 // 0: a writer's
	turn  Turn
}

func (s sealer) bytes() uint16 { return uint16(s.turn)<<epochBits | s.epoch }

func sealerOf(sealed []byte) sealer {
	both := binary.BigEndian.Uint16(sealed[6:])
	return sealer{epoch: both & epochMask, turn: Turn(both >> epochBits)}
}

// named reports whether objects of a kind are named by their content, so that they may have turns.
func named(kind ObjectKind) bool { return kind == ObjectChunk || kind == ObjectIndex }

// of is the purpose of the key of ids at a turn.
func (t Turn) of(purpose string) string {
	if t == 0 {
		return purpose
	}
	return fmt.Sprintf("%s, turn %d", purpose, t)
}

// Name returns a reference to the chunk or index page with this plaintext, without what sealing tells: under the name
// of the first turn that is not condemned. condemned may be nil.
func (k *Keyring) Name(kind ObjectKind, plain []byte, condemned func(ChunkID) bool) (Ref, error) {
	r := Ref{Plain: int64(len(plain))}
	if kind == ObjectIndex {
		r.Kind = kind
	}
	for ; r.Turn < Turns; r.Turn++ {
		var err error
		if r.ID, err = k.k().contentID(sealer{k.k().current, r.Turn}, kind, plain); err != nil {
			return r, err
		}
		if condemned == nil || !condemned(r.ID) {
			return r, nil
		}
	}
	return r, errTurns(kind)
}

func errTurns(kind ObjectKind) error {
	return keepsake.Errorf(keepsake.CodeUnavailable, "every name that a %s with these contents can have is condemned by "+
		"a removal list, so it cannot be stored: two weeks after the last removal it can", kind)
}

// contentID is the id of a plaintext under the keys of an epoch.
func (k *keys) contentID(s sealer, kind ObjectKind, plain []byte) (ChunkID, error) {
	e := k.epoch(s.epoch)
	if e == nil {
		return ChunkID{}, errWiped()
	}
	ids, purpose := &e.chunks, "chunk ids"
	if kind == ObjectIndex {
		ids, purpose = &e.pages, "index ids"
	}
	if s.turn == 0 {
		return ids.id(plain), nil
	}
	key, err := k.derive(s.turn.of(purpose), s.epoch)
	if err != nil {
		return ChunkID{}, err
	}
	defer clear(key)
	return ChunkID(mac(key, plain)), nil
}
