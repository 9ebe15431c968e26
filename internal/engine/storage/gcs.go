package storage

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
)

// GCSOptions names a bucket of Google Cloud Storage.
type GCSOptions struct {
	Endpoint        string // "" is Google's own; an emulator's is http://host:port
	Bucket          string
	Prefix          string // folder inside the bucket; "" is its root
	CredentialsFile string // "" is Google's default chain, or no authentication at all with an Endpoint
}

// gcsStore keeps objects in a bucket of Google Cloud Storage.
type gcsStore struct {
	bucket *storage.BucketHandle
	prefix string // "" or ends with a slash

	name, endpoint string // as configured
	anonymous      bool   // Keepsake itself comes without credentials
}

// OpenGCS opens a bucket as a Provider. It reads the credentials but sends nothing to the store.
func OpenGCS(ctx context.Context, o GCSOptions) (Provider, error) {
	if o.Bucket == "" {
		return nil, settingError("The GCS provider names no bucket.")
	}
	// Reads by the JSON API go to the same address as everything else, which an emulator needs.
	use := []option.ClientOption{storage.WithJSONReads(), option.WithScopes(storage.ScopeReadWrite)}
	if o.Endpoint != "" {
		use = append(use, option.WithEndpoint(strings.TrimSuffix(o.Endpoint, "/")+"/storage/v1/"))
	}
	switch {
	case o.CredentialsFile != "":
		kind, err := credentialsType(o.CredentialsFile)
		if err != nil {
			return nil, err
		}
		use = append(use, option.WithAuthCredentialsFile(kind, o.CredentialsFile))
	case o.Endpoint != "":
		use = append(use, option.WithoutAuthentication())
	}
	client, err := storage.NewClient(ctx, use...)
	if err != nil {
		return nil, settingError("No Google credentials were found, or those that were found cannot be used; set " +
			"credentials_file.")
	}
	// Retry and its deadlines stand around this store; a second loop inside would multiply them.
	client.SetRetry(storage.WithPolicy(storage.RetryNever))
	return &gcsStore{
		bucket:    client.Bucket(o.Bucket),
		prefix:    folderPrefix(o.Prefix),
		name:      o.Bucket,
		endpoint:  o.Endpoint,
		anonymous: o.CredentialsFile == "" && o.Endpoint != "",
	}, nil
}

// credentialsType reads which kind of Google credentials a file holds.
func credentialsType(name string) (option.CredentialsType, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return "", settingError(fmt.Sprintf("The credentials file %s cannot be read (%s).", name, reasonOf(err)))
	}
	var head struct {
		Type option.CredentialsType `json:"type"`
	}
	// The parser's own error would quote the file, which is a secret.
	if json.Unmarshal(content, &head) != nil || head.Type == "" {
		return "",
			settingError(fmt.Sprintf("The credentials file %s is no JSON key of Google Cloud; download one for the "+
				"service account.", name))
	}
	return head.Type, nil
}

func (s *gcsStore) object(key string) *storage.ObjectHandle { return s.bucket.Object(s.prefix + key) }

// Put implements Provider. The store compares the CRC32C before the object becomes visible.
func (s *gcsStore) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	if err := CheckPut(ctx, key, body, sum); err != nil {
		return err
	}
	object := s.object(key)
	if !replace {
		object = object.If(storage.Conditions{DoesNotExist: true})
	}
	// A writer that fails half way must not be closed, which would publish what it has: its context ends it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := object.NewWriter(ctx)
	w.ChunkSize = 0 // one request, nothing buffered: the body is in memory already
	w.ContentType = contentType
	w.CRC32C, w.SendCRC32C = crc32.Checksum(body, castagnoli), true
	for part := range slices.Chunk(body, gcsStep) {
		if _, err := w.Write(part); err != nil {
			cancel()
			return gcsError("put", key, errors.Join(err, closeError(w)))
		}
		moved(ctx, len(part))
	}
	if err := w.Close(); err != nil {
		return gcsError("put", key, err)
	}
	if got := w.Attrs(); got.CRC32C != w.CRC32C || got.Size != int64(len(body)) {
		return fmt.Errorf("put %s: %w", key, ErrChecksum)
	}
	return nil
}

// gcsStep is how many bytes are handed over at once; each step shows that the store takes them.
const gcsStep = 256 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// closeError returns the store's answer to a broken write; that the write was broken off is known.
func closeError(w *storage.Writer) error {
	if err := w.Close(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Get implements Provider.
func (s *gcsStore) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	r, err := s.object(key).NewReader(ctx)
	if err != nil {
		return nil, gcsError("read", key, err)
	}
	defer r.Close()
	return readBounded(receiving{ctx, r}, key, r.Attrs.Size, limit)
}

// Stat implements Provider.
func (s *gcsStore) Stat(ctx context.Context, key string) (Object, error) {
	if err := checkKey(key); err != nil {
		return Object{}, err
	}
	attrs, err := s.object(key).Attrs(ctx)
	if err != nil {
		return Object{}, gcsError("look up", key, err)
	}
	return Object{Key: key, Size: attrs.Size}, nil
}

// List implements Provider.
func (s *gcsStore) List(ctx context.Context, prefix string, fn func(Object) error) error {
	query := &storage.Query{Prefix: s.prefix + prefix, Projection: storage.ProjectionNoACL}
	if err := query.SetAttrSelection([]string{"Name", "Size"}); err != nil {
		return fmt.Errorf("list %s: %w", prefix, err)
	}
	found := s.bucket.Objects(ctx, query)
	for {
		attrs, err := found.Next()
		if errors.Is(err, iterator.Done) {
			return ctx.Err()
		}
		if err != nil {
			return gcsError("list", prefix, err)
		}
		key := strings.TrimPrefix(attrs.Name, s.prefix)
		if IsProbe(key) || strings.HasSuffix(key, "/") { // some consoles make "folders": empty objects
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(Object{Key: key, Size: attrs.Size}); err != nil {
			return err
		}
	}
}

// Delete implements Provider.
func (s *gcsStore) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := s.object(key).Delete(ctx); err != nil && !errors.Is(err, storage.ErrObjectNotExist) {
		return gcsError("delete", key, err)
	}
	return nil
}

// Sync implements Provider: a confirmed upload is durable.
func (s *gcsStore) Sync(ctx context.Context) error { return ctx.Err() }

// gcsError names what failed and turns the store's answers into this package's errors.
func gcsError(verb, key string, err error) error {
	var answer *googleapi.Error
	switch {
	case errors.Is(err, storage.ErrBucketNotExist): // not a missing object: nothing can be there
	case errors.Is(err, storage.ErrObjectNotExist):
		err = errors.Join(ErrNotFound, err)
	case errors.As(err, &answer) && answer.Code == http.StatusPreconditionFailed:
		err = errors.Join(ErrExists, err)
	}
	return fmt.Errorf("%s %s: %w", verb, key, err)
}

// reasonOf is what the system says of a file, without its path.
func reasonOf(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return "for a reason that Keepsake does not know"
}
