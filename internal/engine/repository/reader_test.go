package repository_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/argon2"
)

// The reader in this file was written from FORMAT.md alone and shares no code with the package: it proves that the page
// is enough to get the rows back.
type reader struct {
	t    *testing.T
	repo []byte
	root []byte

	packings map[byte]int // how many objects used each
	levels   int          // of references that were gone through
	erased   map[string]erasedJSON
}

type slotJSON struct {
	ID, Kind, Label, Created, Fingerprint string
	Salt, Wrapped                         []byte
	Argon2id                              struct {
		Time    uint32
		Memory  uint32 `json:"memory_kib"`
		Threads uint8
	}
}

type headerJSON struct {
	Format     int
	Repository string
	Created    string
	Epoch      int
	Slots      []slotJSON
	MAC        []byte
}

func (r *reader) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) file(name string) []byte {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "v1", filepath.FromSlash(name)))
	r.must(err)
	return b
}

func (r *reader) gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	r.must(err)
	gcm, err := cipher.NewGCM(block)
	r.must(err)
	return gcm
}

func (r *reader) derived(info string) []byte {
	key, err := hkdf.Key(sha256.New, r.root, r.repo, info, 32)
	r.must(err)
	return key
}

// rootKey unwraps slot s: FORMAT.md, "Key slots".
func (r *reader) rootKey(h headerJSON, s slotJSON, v map[string]any) []byte {
	binding := fmt.Sprintf("keepsake 1 slot %s %s %s", h.Repository, s.ID, s.Kind)
	var kek []byte
	switch s.Kind {
	case "key":
		key, err := base64.StdEncoding.DecodeString(v["key"].(string))
		r.must(err)
		kek, err = hkdf.Key(sha256.New, key, s.Salt, "keepsake 1 key slot", 32)
		r.must(err)
	case "passphrase":
		kek = argon2.IDKey([]byte(v["passphrase"].(string)), s.Salt,
			s.Argon2id.Time, s.Argon2id.Memory, s.Argon2id.Threads, 32)
	case "age":
		identity, err := age.ParseX25519Identity(v["recovery_key"].(string))
		r.must(err)
		sum := sha256.Sum256([]byte("keepsake 1 recipient " + identity.Recipient().String()))
		if hex.EncodeToString(sum[:8]) != s.Fingerprint {
			r.t.Errorf("fingerprint %s", s.Fingerprint)
		}
		plain, err := age.Decrypt(bytes.NewReader(s.Wrapped), identity)
		r.must(err)
		payload, err := io.ReadAll(plain)
		r.must(err)
		root, ok := bytes.CutPrefix(payload, []byte(binding+"\x00"))
		if !ok {
			r.t.Fatal("the age file is of another slot")
		}
		return root
	}
	root, err := r.gcm(kek).Open(nil, s.Wrapped[:12], s.Wrapped[12:], []byte(binding))
	r.must(err)
	return root
}

// checkMAC: FORMAT.md, "The header's mac".
func (r *reader) checkMAC(h headerJSON) {
	mac := hmac.New(sha256.New, r.derived("keepsake 1 header, epoch 0"))
	put := func(fields ...any) {
		for _, f := range fields {
			b, ok := f.([]byte)
			if !ok {
				b = fmt.Append(nil, f)
			}
			r.must(binary.Write(mac, binary.BigEndian, uint32(len(b))))
			mac.Write(b)
		}
	}
	put("keepsake header", h.Format, h.Repository, h.Created, h.Epoch, len(h.Slots))
	for _, s := range h.Slots {
		put(s.ID, s.Kind, s.Label, s.Created, s.Salt, s.Argon2id.Time,
			s.Argon2id.Memory, s.Argon2id.Threads, s.Fingerprint, s.Wrapped)
	}
	if !hmac.Equal(mac.Sum(nil), h.MAC) {
		r.t.Fatal("the header's mac does not match")
	}
}

// open opens a sealed object: FORMAT.md, "Sealed objects".
func (r *reader) open(name string, kind byte, purpose string) []byte {
	r.t.Helper()
	b := r.file("repository/" + name)
	if string(b[:4]) != "KEEP" || b[4] != 1 || b[5] != kind || int(binary.BigEndian.Uint32(b[8:])) != len(b) {
		r.t.Fatalf("%s begins with %x", name, b[:12])
	}
	return r.openSealed(name, purpose, b)
}

// openSealed opens what the repository's own key sealed.
func (r *reader) openSealed(name, purpose string, b []byte) []byte {
	r.t.Helper()
	secret := r.derived(fmt.Sprintf("keepsake 1 %s, epoch %d", purpose, binary.BigEndian.Uint16(b[6:])&1023))
	own, err := hkdf.Expand(sha256.New, secret, "keepsake 1 object "+name, 32)
	r.must(err)
	aad := append(append(bytes.Clone(r.repo), b[:12]...), name...)
	packed, err := r.gcm(own).Open(nil, b[12:24], b[24:], aad)
	r.must(err)
	r.packings[packed[0]]++
	return r.unpack(packed)
}

// openWritten opens what a writer sealed: FORMAT.md, "What a writer sealed".
func (r *reader) openWritten(name string, b []byte) (packed []byte) {
	r.t.Helper()
	private, err := ecdh.X25519().NewPrivateKey(r.derived("keepsake 1 reader, epoch 0"))
	r.must(err)
	theirs, err := ecdh.X25519().NewPublicKey(b[12:44])
	r.must(err)
	shared, err := private.ECDH(theirs)
	r.must(err)
	salt, err := hkdf.Expand(sha256.New, r.derived("keepsake 1 writers, epoch 0"), "keepsake 1 writer objects", 32)
	r.must(err)
	own, err := hkdf.Key(sha256.New, shared, salt, "keepsake 1 written object "+name+string(b[12:44])+
		string(private.PublicKey().Bytes()), 32)
	r.must(err)
	packed, err = r.gcm(own).Open(nil, make([]byte, 12), b[44:], append(append(bytes.Clone(r.repo), b[:12]...), name...))
	r.must(err)
	return packed
}

func (r *reader) unpack(packed []byte) []byte {
	r.t.Helper()
	switch packed[0] {
	case 0:
		return packed[1:]
	case 2:
		return unsnap(packed[1:])
	}
	dec, err := zstd.NewReader(nil)
	r.must(err)
	defer dec.Close()
	plain, err := dec.DecodeAll(packed[1:], nil)
	r.must(err)
	return plain
}

// unsnap decompresses a Snappy block: its size as a varint, then literals and copies (google/snappy,
// format_description.txt).
func unsnap(b []byte) []byte {
	size, n := binary.Uvarint(b)
	out := make([]byte, 0, size)
	for b = b[n:]; len(b) > 0; {
		tag := b[0]
		length, offset, skip := int(tag>>2)+1, 0, 1
		switch tag & 3 {
		case 0:
			if more := length - 60; more > 0 { // the length stands in the next 1 to 4 bytes
				var field [4]byte
				copy(field[:], b[1:1+more])
				length, skip = int(binary.LittleEndian.Uint32(field[:]))+1, 1+more
			}
			out = append(out, b[skip:skip+length]...)
			b = b[skip+length:]
			continue
		case 1:
			length, offset, skip = int(tag>>2&7)+4, int(tag>>5)<<8|int(b[1]), 2
		case 2:
			offset, skip = int(binary.LittleEndian.Uint16(b[1:])), 3
		case 3:
			offset, skip = int(binary.LittleEndian.Uint32(b[1:])), 5
		}
		for range length { // byte by byte: a copy may reach into what it writes
			out = append(out, out[len(out)-offset])
		}
		b = b[skip:]
	}
	return out
}

type refJSON struct {
	ID, SHA256  string
	Size, Plain int
}

// content opens the object that a reference names and proves its id.
func (r *reader) content(c refJSON, folder, ids string, kind byte) []byte {
	r.t.Helper()
	name := folder + "/" + c.ID[:2] + "/" + c.ID
	plain := r.open(name, kind, folder)
	mac := hmac.New(sha256.New, r.derived("keepsake 1 "+ids+", epoch 1"))
	mac.Write(plain)
	if hex.EncodeToString(mac.Sum(nil)) != c.ID || len(plain) != c.Plain {
		r.t.Fatalf("%s holds other bytes", name)
	}
	// A reader opens copies that differ as well; here are the very objects that the index names.
	sealed := r.file("repository/" + name)
	if sum := sha256.Sum256(sealed); len(sealed) != c.Size || kind == 1 && hex.EncodeToString(sum[:]) != c.SHA256 {
		r.t.Fatalf("%s is not the object the index means", name)
	}
	return plain
}

// split cuts a stream of COPY bytes into rows: FORMAT.md, "Rows".
func split(stream []byte, format string) ([][]byte, error) {
	var rows [][]byte
	if format == "text" {
		for line := range bytes.Lines(stream) {
			rows = append(rows, line)
		}
		return rows, nil
	}
	for len(stream) > 0 {
		end := 2
		for range binary.BigEndian.Uint16(stream) {
			n := int32(binary.BigEndian.Uint32(stream[end:]))
			end += 4 + int(max(n, 0))
		}
		if end > len(stream) {
			return nil, errors.New("a row goes over the end of its range")
		}
		rows = append(rows, stream[:end])
		stream = stream[end:]
	}
	return rows, nil
}

func TestReadWhatAWriterSealed(t *testing.T) {
	t.Parallel()
	r := &reader{t: t}
	var v struct{ Root string }
	r.must(json.Unmarshal(r.file("vectors.json"), &v))
	var h headerJSON
	r.must(json.Unmarshal(r.file("repository/keepsake.json"), &h))
	var err error
	r.root, err = hex.DecodeString(v.Root)
	r.must(err)
	r.repo, err = hex.DecodeString(h.Repository)
	r.must(err)
	var written struct {
		Objects []struct {
			Name          string
			Plain, Sealed []byte
		}
	}
	r.must(json.Unmarshal(r.file("written.json"), &written))
	ids, err := hkdf.Expand(sha256.New, r.derived("keepsake 1 writers, epoch 0"), "keepsake 1 writer chunk ids", 32)
	r.must(err)
	pageIDs, err := hkdf.Expand(sha256.New, r.derived("keepsake 1 writers, epoch 0"), "keepsake 1 writer index ids", 32)
	r.must(err)
	for _, o := range written.Objects {
		packed := r.openWritten(o.Name, o.Sealed)
		if got := r.unpack(packed); !bytes.Equal(got, o.Plain) {
			t.Errorf("%s holds %q", o.Name, got)
		}
		folder, id, _ := strings.Cut(o.Name, "/")
		key := map[string][]byte{"chunks": ids, "indexes": pageIDs}[folder]
		if key == nil {
			if !strings.HasSuffix(o.Name, "-w") {
				t.Errorf("the name of %s does not say that a writer sealed it", o.Name)
			}
			continue
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(packed)
		if id[3:] != hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("the id of %s is %x", o.Name, mac.Sum(nil))
		}
	}
	if len(written.Objects) != 5 {
		t.Errorf("%d objects", len(written.Objects))
	}
}

// vectorReader is a reader of the vectors' repository that has its root key.
func vectorReader(t *testing.T) *reader {
	r := &reader{t: t, packings: map[byte]int{}}
	var v struct{ Root string }
	r.must(json.Unmarshal(r.file("vectors.json"), &v))
	var h headerJSON
	r.must(json.Unmarshal(r.file("repository/keepsake.json"), &h))
	var err error
	r.root, err = hex.DecodeString(v.Root)
	r.must(err)
	r.repo, err = hex.DecodeString(h.Repository)
	r.must(err)
	return r
}

func (r *reader) expanded(secret []byte, info string) []byte {
	key, err := hkdf.Expand(sha256.New, secret, info, 32)
	r.must(err)
	return key
}

// TestReadTurns: FORMAT.md, "Turns".
func TestReadTurns(t *testing.T) {
	t.Parallel()
	r := vectorReader(t)
	var turns struct {
		Objects []struct {
			Name          string
			Turn          int
			Plain, Sealed []byte
		}
	}
	r.must(json.Unmarshal(r.file("turns.json"), &turns))
	for _, o := range turns.Objects {
		folder := o.Name[:strings.IndexByte(o.Name, '/')]
		ids := map[string]string{"chunks": "chunk ids", "indexes": "index ids"}[folder]
		both := binary.BigEndian.Uint16(o.Sealed[6:])
		ids = fmt.Sprintf("%s, turn %d", ids, both>>10)
		var named, plain, key []byte
		if epoch := both & 1023; epoch == 0 {
			named = r.openWritten(o.Name, o.Sealed)
			plain = r.unpack(named)
			key = r.expanded(r.derived("keepsake 1 writers, epoch 0"), "keepsake 1 writer "+ids)
		} else {
			plain = r.openSealed(o.Name, folder, o.Sealed)
			named, key = plain, r.derived(fmt.Sprintf("keepsake 1 %s, epoch %d", ids, epoch))
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(named)
		id := hex.EncodeToString(mac.Sum(nil))
		if o.Name != folder+"/"+id[:2]+"/"+id || int(both>>10) != o.Turn || !bytes.Equal(plain, o.Plain) {
			t.Errorf("%s of turn %d has id %s and holds %q", o.Name, both>>10, id, plain)
		}
	}
	if len(turns.Objects) != 12 {
		t.Errorf("%d objects", len(turns.Objects))
	}
}

// TestReadRemovalList: FORMAT.md, "Removal lists". All that opens it is derived from the writers' secret.
func TestReadRemovalList(t *testing.T) {
	t.Parallel()
	r := vectorReader(t)
	var v struct {
		Name, Document string
		Sealed         []byte
	}
	r.must(json.Unmarshal(r.file("removal.json"), &v))
	b := v.Sealed
	if string(b[:8]) != "KEEP\x01\x08\x00\x00" || int(binary.BigEndian.Uint32(b[8:])) != len(b) {
		t.Fatalf("it begins with %x", b[:12])
	}
	writers := r.derived("keepsake 1 writers, epoch 0")
	own := r.expanded(r.expanded(writers, "keepsake 1 writer removals"), "keepsake 1 object "+v.Name)
	packed, err := r.gcm(own).Open(nil, b[12:24], b[24:], append(append(bytes.Clone(r.repo), b[:12]...), v.Name...))
	r.must(err)
	proof, document := packed[1:33], packed[33:]
	if packed[0] != 0 || string(document) != v.Document {
		t.Fatalf("it holds %q", document)
	}
	mac := hmac.New(sha256.New, r.derived("keepsake 1 removals, epoch 0"))
	mac.Write(append(append([]byte(v.Name), 0), document...))
	if !hmac.Equal(mac.Sum(nil), proof) {
		t.Errorf("the proof is %x, not %x", proof, mac.Sum(nil))
	}
	var l struct {
		Format             int
		Repository, ID     string
		Time, Due, Expires time.Time
		Points             []struct{ ID, Why string }
		Chunks, Indexes    []byte
		LeftOver           []byte `json:"left_over"`
		LeftPages          []byte `json:"left_over_indexes"`
	}
	r.must(json.Unmarshal(document, &l))
	mac = hmac.New(sha256.New, r.derived("keepsake 1 chunk ids, epoch 1"))
	mac.Write([]byte("a"))
	if l.Format != 1 || l.Repository != hex.EncodeToString(r.repo) || "removals/"+l.ID != v.Name ||
		l.Due.Sub(l.Time) != 24*time.Hour || l.Expires.Before(l.Due) || len(l.Points) != 1 || l.Points[0].Why == "" ||
		len(l.Chunks) != 64 || !bytes.Equal(l.Chunks[:32], mac.Sum(nil)) || len(l.Indexes) != 32 ||
		len(l.LeftOver) != 32 || len(l.LeftPages) != 0 {
		t.Errorf("%+v", l)
	}
}

func TestReadFromNothing(t *testing.T) {
	t.Parallel()
	r := &reader{t: t, packings: map[byte]int{}}
	var v map[string]any
	r.must(json.Unmarshal(r.file("vectors.json"), &v))
	var h headerJSON
	r.must(json.Unmarshal(r.file("repository/keepsake.json"), &h))
	var err error
	r.repo, err = hex.DecodeString(h.Repository)
	r.must(err)
	for _, s := range h.Slots {
		r.root = r.rootKey(h, s, v)
		r.checkMAC(h)
	}
	var m struct {
		Format         int
		Repository, ID string
		Time           time.Time
		Schema         []refJSON
		Index          struct {
			Tables, Facts, Sequences listJSON
			Objects                  listJSON `json:"large_objects"`
		}
	}
	name := v["manifest"].(string)
	r.must(json.Unmarshal(r.open(name, 2, "manifests"), &m))
	if m.Format != 1 || m.Repository != h.Repository || "manifests/"+m.ID != name {
		t.Fatalf("the manifest is of %s, %s", m.Repository, m.ID)
	}
	var out strings.Builder
	for _, c := range m.Schema {
		out.Write(r.content(c, "chunks", "chunk ids", 1))
	}
	r.erasures(m.ID)
	for _, document := range r.documents(m.Index.Tables) {
		var table tableJSON
		r.must(json.Unmarshal(document, &table))
		r.table(table, &out)
	}
	for _, list := range []listJSON{m.Index.Sequences, m.Index.Objects, m.Index.Facts} {
		for _, document := range r.documents(list) {
			fmt.Fprintf(&out, "\n%s", document)
		}
	}
	const want = "PGDMP stands for pg_dump's archive" +
		"\npublic.weddings " +
		"\"\\x00\\x02\\x00\\x00\\x00\\b\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x0eZoë & Łukasz\"" +
		"\npublic.weddings " +
		"\"\\x00\\x02\\x00\\x00\\x00\\b\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x00\\x00\\aO'Brien\"" +
		"\npublic.weddings " +
		"\"\\x00\\x02\\x00\\x00\\x00\\b\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03\\x00\\x00\\x02\\xd0a long vow, \"" +
		"\npublic.Notes \"1\\t\\\\N\\n\"\npublic.Notes \"2\\ttab\\\\there\\n\"" +
		"\n1500 guests, the last " +
		"\"\\x00\\x02\\x00\\x00\\x00\\b\\x00\\x00\\x00\\x00\\x00\\x00\\x05\\xdb\\x00\\x00\\x00\\x05guest\"" +
		"\npublic.vows \"2\\tvow\\n\"\npublic.vows \"3\\tvow\\n\"\npublic.vows \"5\\tvow\\n\"\npublic.vows " +
		"\"0\\tvow\\n\"\npublic.vows \"5\\tvow\\n\"" +
		"\n{\"schema\":\"public\",\"name\":\"s\",\"last\":9,\"called\":true}" +
		"\n{\"oid\":16400,\"owner\":\"owner\",\"comment\":\"a contract\"}\n{\"roles\":[\"owner\"]}"
	if out.String() != want {
		t.Errorf("read\n%s\nnot\n%s", out.String(), want)
	}
	r.side(m.ID)
	for packing := range byte(3) {
		if r.packings[packing] == 0 {
			t.Errorf("no vector has packing %d", packing)
		}
	}
}
