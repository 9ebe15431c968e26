package repository

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Unlock opens the repository with whatever in src fits one of its slots, and checks that a holder of the root key
// wrote the header. A writer's key gives a keyring that only seals. The error is CodeInvalid where src itself is
// malformed, CodeWrongKey where it fits no slot, and CodeDamaged where somebody changed the header.
func (h Header) Unlock(src KeySource) (*Keyring, error) {
	if h.Format != FormatVersion {
		return nil, unsupported("The repository", h.Format)
	}
	if err := h.check(); err != nil {
		return nil, headerDamaged("%w", err)
	}
	repository, err := h.repositoryID()
	if err != nil {
		return nil, headerDamaged("%w", err)
	}
	if src.WritesOnly() { // it cannot verify the header, of which it believes nothing but which repository it is
		return writerKeyring(src.Writer, repository)
	}
	root, err := h.unwrap(src, repository)
	if err != nil {
		return nil, err
	}
	defer clear(root)
	k, err := newKeyring(root, repository, h.Epoch)
	if err != nil {
		return nil, err
	}
	if err := h.verify(k); err != nil {
		k.Wipe()
		return nil, err
	}
	return k, nil
}

// unwrap tries every part of src on every slot of its kind.
func (h Header) unwrap(src KeySource, repository [repositorySize]byte) ([]byte, error) {
	open := map[string]func(*Slot) []byte{}
	if src.Key != "" {
		key, err := parseKey(src.Key)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		open[SlotKey] = func(s *Slot) []byte {
			kek, err := s.keyKEK(key)
			if err != nil {
				return nil
			}
			return s.open(repository, kek)
		}
	}
	if src.Recovery != "" {
		identity, err := parseRecovery(src.Recovery)
		if err != nil {
			return nil, err
		}
		open[SlotAge] = func(s *Slot) []byte { return s.openAge(repository, identity) }
	}
	if src.Passphrase != "" {
		open[SlotPassphrase] = func(s *Slot) []byte { return s.open(repository, s.passphraseKEK(src.Passphrase)) }
	}
	if len(open) == 0 {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"No key was given. This repository opens with: %s.", h.describeSlots())
	}
	for _, kind := range []string{SlotKey, SlotAge, SlotPassphrase} { // the passphrase last: it takes a moment
		for i := range h.Slots {
			if open[kind] == nil || h.Slots[i].Kind != kind {
				continue
			}
			if root := open[kind](&h.Slots[i]); root != nil {
				return root, nil
			}
		}
	}
	return nil, keepsake.Errorf(keepsake.CodeWrongKey,
		"This key does not open this repository (%s). Its data is unharmed; it opens with: %s. If the key is surely the "+
			"right one, the header may be damaged: try the copy at another provider.",
		h.Repository, h.describeSlots())
}

// Fingerprint returns 16 hexadecimal digits by which a person knows the recovery key that a recipient belongs to. The
// recipient itself is not in the header, because whoever knew it could make another repository that the recovery key
// opens.
func Fingerprint(recipient string) string {
	sum := sha256.Sum256([]byte("keepsake 1 recipient " + recipient))
	return hex.EncodeToString(sum[:8])
}

// wrapAge wraps the root key as an age file whose payload is binding, a zero byte and the root key.
func (s *Slot) wrapAge(k *Keyring, recipient string) error {
	if len(k.k().epochs) == 0 {
		return errWiped()
	}
	r, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"%q is not the recipient of a recovery key: it begins with age1 and has 62 characters.", recipient)
	}
	s.Kind, s.Fingerprint = SlotAge, Fingerprint(r.String())
	payload := append(append(s.binding(k.k().repository), 0), k.k().root[:]...)
	defer clear(payload)
	var file bytes.Buffer
	w, err := age.Encrypt(&file, r)
	if err != nil {
		return fmt.Errorf("wrap the root key for the recovery key: %w", err)
	}
	if _, err := w.Write(payload); err != nil {
		return fmt.Errorf("wrap the root key for the recovery key: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("wrap the root key for the recovery key: %w", err)
	}
	s.Wrapped = file.Bytes()
	return nil
}

// openAge returns the root key, or nil when the identity is not the slot's or the age file is of another slot.
func (s *Slot) openAge(repository [repositorySize]byte, identity age.Identity) []byte {
	r, err := age.Decrypt(bytes.NewReader(s.Wrapped), identity)
	if err != nil {
		return nil
	}
	payload, err := io.ReadAll(io.LimitReader(r, maxWrapped))
	if err != nil {
		return nil
	}
	root, ok := bytes.CutPrefix(payload, append(s.binding(repository), 0))
	if !ok || len(root) != keySize {
		return nil
	}
	return root
}
