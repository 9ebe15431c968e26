package storage

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Public asks for an object that is there, and for the list of objects, without credentials. It says in words what
// the store gives to anybody. It returns "" where the store refuses, where there is no network to it, and where it
// could not be asked, because other questions find that out.
func Public(ctx context.Context, p Provider, key string) string {
	if asked, ok := p.(interface {
		public(ctx context.Context, key string) string
	}); ok {
		return asked.public(ctx, key)
	}
	return ""
}

func (r *retried) public(ctx context.Context, key string) string { return Public(ctx, r.p, key) }

const (
	anybodyReads = "anybody on the network can read its objects without credentials"
	anybodyLists = "anybody on the network can list its objects without credentials"
)

func (s *s3Store) public(ctx context.Context, key string) string {
	nobody := s3.New(s.client.Options(), func(o *s3.Options) { o.Credentials = aws.AnonymousCredentials{} })
	if out, err := nobody.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(key)}); err == nil {
		_ = out.Body.Close()
		return anybodyReads
	}
	// Supabase Storage signs every request of this protocol, and hands a public bucket's objects out beside it.
	if base, found := strings.CutSuffix(strings.TrimSuffix(s.endpoint, "/"), "/s3"); found &&
		answersOK(ctx, base+"/object/public/"+url.PathEscape(s.bucket)+"/"+*s.key(key)) {
		return anybodyReads
	}
	if _, err := nobody.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, MaxKeys: aws.Int32(1)}); err == nil {
		return anybodyLists
	}
	return ""
}

func (s *gcsStore) public(ctx context.Context, key string) string {
	if s.anonymous { // an emulator, which Keepsake itself reads so
		return ""
	}
	base := "https://storage.googleapis.com"
	if s.endpoint != "" {
		base = strings.TrimSuffix(s.endpoint, "/")
	}
	base += "/storage/v1/b/" + url.PathEscape(s.name) + "/o"
	switch {
	case answersOK(ctx, base+"/"+url.PathEscape(s.prefix+key)+"?alt=media"):
		return anybodyReads
	case answersOK(ctx, base+"?maxResults=1"):
		return anybodyLists
	}
	return ""
}

// answersOK reports whether an address gives something to somebody without credentials.
func answersOK(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is not kept busy
	return res.StatusCode == http.StatusOK
}
