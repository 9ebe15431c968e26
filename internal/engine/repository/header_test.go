package repository

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// cheap is a passphrase cost for tests that are not about it.
var cheap = Argon2{Time: 1, Memory: 64, Threads: 1}

const testPassphrase = keepsake.Secret("five random words are enough")

// testRepository returns a repository with a slot of every kind and the three ways to open it.
func testRepository(t testing.TB) (Header, *Keyring, KeySource) {
	t.Helper()
	identity, recipient, err := NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	src := KeySource{Key: NewKeyFile(), Passphrase: testPassphrase, Recovery: identity}
	h, k, err := Create(CreateOptions{Key: src.Key, Passphrase: src.Passphrase, Recipient: recipient, Argon2: cheap})
	if err != nil {
		t.Fatal(err)
	}
	return h, k, src
}

func wantCode(t testing.TB, err error, code keepsake.Code) {
	t.Helper()
	if err == nil || keepsake.CodeOf(err) != code {
		t.Fatalf("want an error with code %s, have %v (code %s)", code, err, keepsake.CodeOf(err))
	}
}

func TestEverySlotOpensTheSameRepository(t *testing.T) {
	t.Parallel()
	h, k, src := testRepository(t)
	data, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(h, read) {
		t.Fatalf("the header changed on the way:\n%+v\n%+v", h, read)
	}
	want := k.ChunkID([]byte("rows"))
	for name, one := range map[string]KeySource{
		"key":          {Key: src.Key},
		"key, wrapped": {Key: "\n " + src.Key[:20] + "\n" + src.Key[20:] + "\n"},
		"passphrase":   {Passphrase: src.Passphrase},
		"recovery":     {Recovery: src.Recovery},
		"recovery, as typed": {Recovery: keepsake.Secret(" " + strings.ToLower(src.Recovery.Reveal()[:30]) + " " +
			strings.ToLower(src.Recovery.Reveal()[30:]))},
		"another key, this pw": {Key: NewKeyFile(), Passphrase: src.Passphrase},
	} {
		opened, err := read.Unlock(one)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if opened.ChunkID([]byte("rows")) != want || opened.Repository() != h.Repository {
			t.Errorf("%s opens another repository", name)
		}
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	h, _, _ := testRepository(t)
	identity, _, err := NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	onlyKey, _, err := Create(CreateOptions{Key: NewKeyFile()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		h   Header
		src KeySource
	}{
		{h, KeySource{Key: NewKeyFile()}},
		{h, KeySource{Passphrase: "another passphrase"}},
		{h, KeySource{Recovery: identity}},
		{h, KeySource{Key: NewKeyFile(), Passphrase: "another passphrase", Recovery: identity}},
		{onlyKey, KeySource{Passphrase: testPassphrase}},
	} {
		_, err := c.h.Unlock(c.src)
		wantCode(t, err, keepsake.CodeWrongKey)
		if !strings.HasPrefix(err.Error(), "This key does not open this repository") ||
			!strings.Contains(err.Error(), "a key file") {
			t.Errorf("the message does not help: %s", err)
		}
	}
	if _, err := h.Unlock(KeySource{}); keepsake.CodeOf(err) != keepsake.CodeInvalid ||
		!strings.HasPrefix(err.Error(), "No key was given") {
		t.Errorf("without any key: %v", err)
	}
}

func TestMalformedKeys(t *testing.T) {
	t.Parallel()
	h, _, _ := testRepository(t)
	for name, c := range map[string]struct {
		src  KeySource
		says []string
	}{
		"short": {KeySource{Key: "c2hvcnQ="}, []string{"5 bytes found", "32 expected"}},
		"long": {KeySource{Key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
			[]string{"36 bytes found", "32 expected"}},
		"not base64": {KeySource{Key: "not base64!"}, []string{"10 characters found", "44 expected"}},
		"recovery":   {KeySource{Recovery: "AGE-SECRET-KEY-1QQ"}, []string{"18 characters found", "74 expected"}},
		"nothing":    {KeySource{}, []string{"No key was given", "a passphrase"}},
	} {
		_, err := h.Unlock(c.src)
		wantCode(t, err, keepsake.CodeInvalid)
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", name, err, s)
			}
		}
		if secret := c.src.Key.Reveal() + c.src.Recovery.Reveal(); secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the message shows the key: %s", name, err)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]CreateOptions{
		"nothing":          {},
		"short passphrase": {Passphrase: "elevenchars"},
		"short key":        {Key: "c2hvcnQ="},
		"no recipient":     {Recipient: "age1nonsense"},
		"costly":           {Passphrase: testPassphrase, Argon2: Argon2{Time: 1, Memory: 100 << 20, Threads: 1}},
	} {
		if _, _, err := Create(o); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%s: want CodeInvalid, have %v", name, err)
		}
	}
}

// TestTamperedHeader changes every field in turn; no change may go unnoticed, and none may open the repository.
func TestTamperedHeader(t *testing.T) {
	t.Parallel()
	h, _, src := testRepository(t)
	other, _, _ := testRepository(t)
	later := h.Created.Add(time.Second)
	for name, c := range map[string]struct {
		change func(*Header)
		code   keepsake.Code
	}{
		"created":            {func(h *Header) { h.Created = later }, keepsake.CodeDamaged},
		"epoch":              {func(h *Header) { h.Epoch++ }, keepsake.CodeDamaged},
		"epoch 0":            {func(h *Header) { h.Epoch = 0 }, keepsake.CodeDamaged},
		"mac":                {func(h *Header) { h.MAC[31] ^= 1 }, keepsake.CodeDamaged},
		"no mac":             {func(h *Header) { h.MAC = nil }, keepsake.CodeDamaged},
		"repository":         {func(h *Header) { h.Repository = other.Repository }, keepsake.CodeWrongKey},
		"no slots":           {func(h *Header) { h.Slots = nil }, keepsake.CodeDamaged},
		"a slot less":        {func(h *Header) { h.Slots = h.Slots[:2] }, keepsake.CodeDamaged},
		"a slot more":        {func(h *Header) { h.Slots = append(h.Slots, other.Slots[0]) }, keepsake.CodeDamaged},
		"slots in any order": {func(h *Header) { slices.Reverse(h.Slots) }, keepsake.CodeDamaged},
		"the same slot":      {func(h *Header) { h.Slots = append(h.Slots, h.Slots[0]) }, keepsake.CodeDamaged},
		"label":              {func(h *Header) { h.Slots[0].Label += "!" }, keepsake.CodeDamaged},
		"slot created":       {func(h *Header) { h.Slots[0].Created = later }, keepsake.CodeDamaged},
		"slot id":            {func(h *Header) { h.Slots[0].ID = other.Slots[0].ID }, keepsake.CodeWrongKey},
		"salt":               {func(h *Header) { h.Slots[0].Salt[0] ^= 1 }, keepsake.CodeWrongKey},
		"short salt":         {func(h *Header) { h.Slots[0].Salt = h.Slots[0].Salt[1:] }, keepsake.CodeDamaged},
		"wrapped":            {func(h *Header) { h.Slots[0].Wrapped[20] ^= 1 }, keepsake.CodeWrongKey},
		"another's wrapped":  {func(h *Header) { h.Slots[0].Wrapped = other.Slots[0].Wrapped }, keepsake.CodeWrongKey},
		"another's slot":     {func(h *Header) { h.Slots[0] = other.Slots[0] }, keepsake.CodeWrongKey},
		"another slot's":     {func(h *Header) { h.Slots[1].Wrapped[20] ^= 1 }, keepsake.CodeDamaged},
		"fingerprint":        {func(h *Header) { h.Slots[2].Fingerprint = "0000000000000000" }, keepsake.CodeDamaged},
		"100 GB":             {func(h *Header) { h.Slots[1].Argon2.Memory = 100 << 20 }, keepsake.CodeDamaged},
		"a million passes":   {func(h *Header) { h.Slots[1].Argon2.Time = 1e6 }, keepsake.CodeDamaged},
		"less than allowed":  {func(h *Header) { h.Slots[1].Argon2.Memory = 4 }, keepsake.CodeDamaged},
		"no cost":            {func(h *Header) { h.Slots[1].Argon2 = nil }, keepsake.CodeDamaged},
		"cost":               {func(h *Header) { h.Slots[1].Argon2.Time = 2 }, keepsake.CodeDamaged},
		"format":             {func(h *Header) { h.Format = 2 }, keepsake.CodeUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := reread(t, h)
			c.change(&changed)
			_, err := changed.Unlock(KeySource{Key: src.Key})
			wantCode(t, err, c.code)
		})
	}
}

// reread returns a deep copy.
func reread(t testing.TB, h Header) Header {
	t.Helper()
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestFlippedBitsInHeaderFile(t *testing.T) {
	t.Parallel()
	h, _, src := testRepository(t)
	data, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for bit := range 8 {
			bad := slices.Clone(data)
			bad[i] ^= 1 << bit
			read, err := ParseHeader(bad)
			if err != nil {
				continue
			}
			if _, err := read.Unlock(KeySource{Key: src.Key}); err == nil && !reflect.DeepEqual(read, h) {
				t.Fatalf("bit %d of byte %d (%q) can be flipped unnoticed", bit, i, data[i])
			}
		}
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		code keepsake.Code
		says string
	}{
		"empty":      {"", keepsake.CodeDamaged, "not JSON"},
		"no version": {"{}", keepsake.CodeDamaged, "no format version"},
		"future": {`{"format":7,"slots":"of another shape"}`, keepsake.CodeUnsupported,
			"version 7; this keepsake reads version 1"},
		"other shape": {`{"format":1,"slots":"none"}`, keepsake.CodeDamaged, "format 1"},
		"bare":        {`{"format":1}`, keepsake.CodeDamaged, "repository id"},
		"upper case":  {`{"format":1,"repository":"000102030405060708090A0B0C0D0E0F"}`, keepsake.CodeDamaged, "lower case"},
		"huge":        {strings.Repeat(" ", MaxHeaderSize+1), keepsake.CodeDamaged, "at most 65536"},
	} {
		_, err := ParseHeader([]byte(c.data))
		if keepsake.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: want %s saying %q, have %v", name, c.code, c.says, err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	h, _, _ := testRepository(f)
	data, err := h.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseHeader(data)
		if err != nil {
			if c := keepsake.CodeOf(err); c != keepsake.CodeDamaged && c != keepsake.CodeUnsupported {
				t.Errorf("code %s for %q", c, data)
			}
			return
		}
		if _, err := h.Encode(); err != nil && keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("a header that parses does not encode: %v", err)
		}
		if _, err := h.Unlock(KeySource{Key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}); err == nil {
			t.Error("a made-up key opens it")
		}
	})
}
