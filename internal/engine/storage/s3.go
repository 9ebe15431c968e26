package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// S3Options names a bucket of an S3-compatible store.
type S3Options struct {
	Endpoint        string // "" is AWS's own for the region
	Region          string // "" is the SDK's default, or us-east-1 with an Endpoint
	Bucket          string
	Prefix          string // folder inside the bucket; "" is its root
	PathStyle       bool   // bucket in the path instead of the host name; most stores other than AWS need it
	AccessKeyID     string // "" takes both from the SDK's default chain: environment, shared files, instance role
	SecretAccessKey keepsake.Secret
}

const (
	multipartAbove = 16 << 20 // bytes; larger bodies are sent in parts
	partSize       = 16 << 20
	contentType    = "application/octet-stream" // the SDK's own default varies
	idleConns      = 64                         // per store: as many transfers at once keep their connections
)

// s3Store keeps objects in a bucket of an S3-compatible store.
type s3Store struct {
	client *s3.Client
	bucket string
	prefix string // "" or ends with a slash

	endpoint string        // as configured
	probing  chan struct{} // holds a token while a Put finds out
	known    *abilities    // nil until then; read and written with the token
}

// OpenS3 opens a bucket as a Provider. It reads the sources of credentials and sends nothing to the store. The first
// operation finds out whether the store answers, and the first Put what the store checks.
func OpenS3(ctx context.Context, o S3Options) (Provider, error) {
	if o.Bucket == "" {
		return nil, settingError("The S3 provider names no bucket.")
	}
	if (o.AccessKeyID == "") != (o.SecretAccessKey == "") {
		return nil, settingError("The S3 provider has only one of access_key_id and secret_access_key, and needs " +
			"both or neither.")
	}
	cfg, err := loadAWS(ctx, o)
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(cfg, func(c *s3.Options) {
		c.UsePathStyle = o.PathStyle
		if o.Endpoint != "" {
			c.BaseEndpoint = aws.String(o.Endpoint)
		}
		// Retry and its deadlines stand around this store; a second loop inside would multiply them.
		c.Retryer = aws.NopRetryer{}
		// The checksums are chosen here, and bodies are compared with their own SHA-256 by whoever reads them.
		c.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return &s3Store{
		client:   client,
		bucket:   o.Bucket,
		prefix:   folderPrefix(o.Prefix),
		endpoint: o.Endpoint,
		probing:  make(chan struct{}, 1),
	}, nil
}

func loadAWS(ctx context.Context, o S3Options) (aws.Config, error) {
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConns, idleConns
	})
	if o.Region == "" && o.Endpoint != "" {
		o.Region = "us-east-1"
	}
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(transport)}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.AccessKeyID != "" {
		keys := credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretAccessKey.Reveal(), "")
		load = append(load, config.WithCredentialsProvider(keys))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{},
			settingError("What AWS's tools are set to on this machine cannot be read; look at the variables AWS_… and the " +
				"files of ~/.aws.")
	}
	if cfg.Region == "" {
		return aws.Config{}, settingError("The S3 provider has neither a region nor an endpoint, and needs one of them.")
	}
	if o.AccessKeyID == "" {
		cfg.Credentials = defaultChain{cfg.Credentials}
	}
	return cfg, nil
}

// errNoCredentials marks that the SDK's default chain found nothing to sign with.
var errNoCredentials = errors.New("no credentials")

type defaultChain struct{ aws.CredentialsProvider }

// Retrieve marks the chain's error, which has no type of its own.
func (c defaultChain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = errors.Join(errNoCredentials, err)
	}
	return found, err
}

// folderPrefix makes "", "/" or "a/b" the beginning of keys: "", "" and "a/b/".
func folderPrefix(p string) string {
	if p = strings.Trim(p, "/"); p == "" {
		return ""
	}
	return p + "/"
}

func (s *s3Store) key(key string) *string { return aws.String(s.prefix + key) }

// Put implements Provider.
func (s *s3Store) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	if err := CheckPut(ctx, key, body, sum); err != nil {
		return err
	}
	can, err := s.abilities(ctx)
	if err != nil {
		return fmt.Errorf("find out what the store checks: %w", err)
	}
	large := len(body) > multipartAbove
	if !replace && (large || !can.createOnly) {
		// The probe spoke about single uploads; for parts a second look is cheap.
		if _, err := s.Stat(ctx, key); err == nil {
			return fmt.Errorf("put %s: %w", key, ErrExists)
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	if large {
		err = s.putParts(ctx, key, body, can, !replace)
	} else {
		err = s.putOne(ctx, key, body, sum, can, !replace)
	}
	if err != nil {
		return s.putError(ctx, key, body, !replace, err)
	}
	if can.checksums {
		return nil
	}
	return s.compare(ctx, key, body)
}

// putError explains a failed upload. Two failures say nothing about the object: a conflict, with which a store may
// refuse the later of two writers, and a connection that broke off, with which a store may refuse a long body without
// reading it, or lose its confirmation. What is there then decides: these very bytes, another object, or nothing, and
// the upload may be tried again.
func (s *s3Store) putError(ctx context.Context, key string, body []byte, create bool, err error) error {
	status := statusOf(err)
	if create && ctx.Err() == nil && (status == 0 || status == http.StatusConflict) {
		switch found := s.compare(ctx, key, body); {
		case found == nil:
			return nil
		case errors.Is(found, ErrChecksum):
			return fmt.Errorf("put %s: %w", key, errors.Join(ErrExists, err))
		}
	}
	return s3Error("put", key, err)
}

// putOne sends the body in one request.
func (s *s3Store) putOne(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, can abilities,
	create bool) error {
	in := &s3.PutObjectInput{
		Bucket:        &s.bucket,
		Key:           s.key(key),
		Body:          metered(ctx, body),
		ContentLength: aws.Int64(int64(len(body))),
		ContentType:   aws.String(contentType),
	}
	if can.checksums {
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
	}
	if create && can.createOnly {
		in.IfNoneMatch = aws.String("*")
	}
	out, err := s.client.PutObject(ctx, in, signedSum(sum))
	if err != nil {
		return err
	}
	if in.ChecksumSHA256 != nil && out.ChecksumSHA256 != nil && *out.ChecksumSHA256 != *in.ChecksumSHA256 {
		return ErrChecksum
	}
	return nil
}

// signedSum puts the body's checksum, which is known, into the signature, so that the SDK does not read the body again
// for it.
func signedSum(sum [sha256.Size]byte) func(*s3.Options) {
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("KeepsakePayloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
				middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
			}), middleware.Before)
	})
}

// compare reads the object back and compares it with what was sent. It never removes what differs: that may be the
// object of another writer, whose own comparison succeeded.
func (s *s3Store) compare(ctx context.Context, key string, body []byte) error {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(key)})
	if err != nil {
		return s3Error("read back", key, err)
	}
	defer out.Body.Close()
	same, err := equal(receiving{ctx, out.Body}, body)
	if err != nil {
		return fmt.Errorf("read back %s: %w", key, err)
	}
	if !same {
		return fmt.Errorf("read back %s: %w", key, ErrChecksum)
	}
	return nil
}

// Get implements Provider.
func (s *s3Store) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(key)})
	if err != nil {
		return nil, s3Error("read", key, err)
	}
	defer out.Body.Close()
	return readBounded(receiving{ctx, out.Body}, key, aws.ToInt64(out.ContentLength), limit)
}

// Stat implements Provider.
func (s *s3Store) Stat(ctx context.Context, key string) (Object, error) {
	if err := checkKey(key); err != nil {
		return Object{}, err
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.key(key)})
	if err != nil {
		return Object{}, s3Error("look up", key, err)
	}
	return Object{Key: key, Size: aws.ToInt64(out.ContentLength)}, nil
}

// List implements Provider.
func (s *s3Store) List(ctx context.Context, prefix string, fn func(Object) error) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.key(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s3Error("list", prefix, err)
		}
		for _, o := range page.Contents {
			key := strings.TrimPrefix(aws.ToString(o.Key), s.prefix)
			if IsProbe(key) || strings.HasSuffix(key, "/") { // some consoles make "folders": empty objects
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(Object{Key: key, Size: aws.ToInt64(o.Size)}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// Delete implements Provider.
func (s *s3Store) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.key(key)})
	if err := s3Error("delete", key, err); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// Sync implements Provider: a confirmed upload is durable.
func (s *s3Store) Sync(ctx context.Context) error { return ctx.Err() }
