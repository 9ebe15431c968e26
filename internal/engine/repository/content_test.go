package repository

import "testing"

// What tests store has the name of the first turn.

func (k *Keyring) nameOf(kind ObjectKind, plain []byte) *Ref {
	r, err := k.Name(kind, plain, nil)
	if err != nil {
		panic(err)
	}
	return &r
}

func (k *Keyring) ChunkID(plain []byte) ChunkID { return k.nameOf(ObjectChunk, plain).ID }

func (k *Keyring) PageID(plain []byte) ChunkID { return k.nameOf(ObjectIndex, plain).ID }

func (k *Keyring) SealChunk(dst []byte, id ChunkID, plain []byte, effort Effort) ([]byte, error) {
	return k.Seal(dst, &Ref{ID: id}, plain, effort)
}

func (k *Keyring) SealPage(id ChunkID, plain []byte) ([]byte, error) {
	return k.Seal(nil, &Ref{Kind: ObjectIndex, ID: id}, plain, Thorough)
}

func (k *Keyring) writeAs(kind ObjectKind, plain []byte, effort Effort) (ChunkID, []byte, error) {
	r, sealed, err := k.SealWritten(kind, plain, effort, nil)
	return r.ID, sealed, err
}

func newRepository(t testing.TB) (Header, *Keyring) {
	t.Helper()
	h, k, err := Create(CreateOptions{Key: NewKeyFile()})
	if err != nil {
		t.Fatal(err)
	}
	return h, k
}
