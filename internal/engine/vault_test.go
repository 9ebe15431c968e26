package engine_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestVault: what was sealed under a name opens under that name and the repository's key only, in every process, and
// also while all providers are away once the key was needed.
func TestVault(t *testing.T) {
	t.Parallel()
	list, key := newTrio(t), repository.NewKeyFile()
	e := engineWith(t, "", list.list, key)
	secret := []byte("what an authenticator knows")
	vault := e.Vault()
	sealed, err := vault.Seal(t.Context(), "second-step/1", secret)
	if err != nil || bytes.Contains(sealed, secret[:10]) {
		t.Fatalf("%q, %v", sealed, err)
	}
	again := engine.New(engine.Options{
		Providers: list.list[1:],
		DataMap:   keepsake.DefaultDataMap(),
		Key:       repository.KeySource{Key: key},
	}).Vault()
	if plain, err := again.Open(t.Context(), "second-step/1", sealed); err != nil || !bytes.Equal(plain, secret) {
		t.Errorf("another process: %q, %v", plain, err)
	}
	other := engineWith(t, "", newTrio(t).list, repository.NewKeyFile()).Vault()
	broken := append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1)
	for name, open := range map[string]func() ([]byte, error){
		"another name":       func() ([]byte, error) { return vault.Open(t.Context(), "second-step/2", sealed) },
		"another repository": func() ([]byte, error) { return other.Open(t.Context(), "second-step/1", sealed) },
		"a changed byte":     func() ([]byte, error) { return vault.Open(t.Context(), "second-step/1", broken) },
		"nothing":            func() ([]byte, error) { return vault.Open(t.Context(), "second-step/1", nil) },
	} {
		if plain, err := open(); keepsake.CodeOf(err) != keepsake.CodeDamaged {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
	for _, f := range list.faults {
		f.Down(true)
	}
	if plain, err := vault.Open(t.Context(), "second-step/1", sealed); err != nil || !bytes.Equal(plain, secret) {
		t.Errorf("with all providers away: %q, %v", plain, err)
	}
	fresh := engine.New(engine.Options{
		Providers: list.list,
		DataMap:   keepsake.DefaultDataMap(),
		Key:       repository.KeySource{Key: key},
	}).Vault()
	if _, err := fresh.Open(t.Context(), "second-step/1", sealed); err == nil {
		t.Error("a process that never saw the repository opens it")
	}
}

// TestAnotherRepositoryThatAnswersFirstIsNotUnlocked: one provider's place is another repository's, which the same key
// opens, and it answers before the others do.
func TestAnotherRepositoryThatAnswersFirstIsNotUnlocked(t *testing.T) {
	t.Parallel()
	w, key := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem()), repository.NewKeyFile()
	e := engineWith(t, "", w.list, key)
	sealed, err := e.Vault().Seal(t.Context(), "a name", []byte("a secret"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := e.StandbySecret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem())
	engineWith(t, "", other.list, key)
	list := append(other.list[:1:1], w.list[1:]...)
	fresh := func() *engine.Engine {
		late := make(chan struct{})
		w.faults["cloud"].Delay(late)
		w.faults["offsite"].Delay(late)
		time.AfterFunc(300*time.Millisecond, func() { close(late) })
		return engine.New(engine.Options{
			Providers: list,
			DataMap:   keepsake.DefaultDataMap(),
			Key:       repository.KeySource{Key: key},
		})
	}
	if plain, err := fresh().Vault().Open(t.Context(), "a name", sealed); err != nil || string(plain) != "a secret" {
		t.Errorf("%q, %v", plain, err)
	}
	again, err := fresh().Vault().Seal(t.Context(), "a name", []byte("a secret"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := e.Vault().Open(t.Context(), "a name", again); err != nil || string(plain) != "a secret" {
		t.Errorf("sealed while the other repository answered first: %q, %v", plain, err)
	}
	if got, err := fresh().StandbySecret(t.Context()); err != nil || got.Reveal() != secret.Reveal() {
		t.Errorf("sessions on standby are sealed with the other repository's secret: %v", err)
	}
}
