package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// abilities is what a store does beyond keeping bytes, found by trying.
type abilities struct {
	checksums  bool // refuses a body that does not have the SHA-256 sent with it
	createOnly bool // honours If-None-Match: *
}

// abilities returns what the store can do, trying it once per opened store. A trial that fails is not remembered.
func (s *s3Store) abilities(ctx context.Context) (abilities, error) {
	select {
	case s.probing <- struct{}{}:
		defer func() { <-s.probing }()
	case <-ctx.Done():
		return abilities{}, ctx.Err()
	}
	if s.known != nil {
		return *s.known, nil
	}
	found, err := s.probe(ctx)
	if err != nil {
		return abilities{}, err
	}
	s.known = &found
	return found, nil
}

// probe puts a small object: once with a wrong checksum, once with the right one, once more on the condition that it is
// not there. A store that accepts the first checks none; one that refuses the second too, or gives another answer than
// an object that is there deserves to the third, does not know the feature.
// All but the probe's own questions are real errors.
func (s *s3Store) probe(ctx context.Context) (abilities, error) {
	body := []byte(probeBody)
	right, wrong := sha256.Sum256(body), sha256.Sum256(nil)
	put := func(claimed [sha256.Size]byte, with abilities, create bool) (refused bool, err error) {
		err = s.putProbe(ctx, body, right, claimed, with, create)
		return isRefusal(err), err
	}

	refused, err := put(wrong, abilities{checksums: true}, false)
	if err != nil && !refused {
		return abilities{}, s3Error("put", probeKey, err)
	}
	var can abilities
	if refused {
		refused, err = put(right, abilities{checksums: true}, false)
		if err != nil && !refused {
			return abilities{}, s3Error("put", probeKey, err)
		}
		can.checksums = err == nil
	}
	if !can.checksums {
		if _, err := put(right, abilities{}, false); err != nil {
			return abilities{}, s3Error("put", probeKey, err)
		}
	}
	// Another process that probes the same store may remove the object in between: once more, it is there.
	for range 2 {
		refused, err = put(right, can, true)
		if err != nil && !refused {
			return abilities{}, s3Error("put", probeKey, err)
		}
		if can.createOnly = statusOf(err) == http.StatusPreconditionFailed; can.createOnly {
			break
		}
	}

	// Without the right to delete, the probe stays; it is one small object under one name.
	_, _ = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.key(probeKey)})
	return can, nil
}

// putProbe sends the probe with claimed as its checksum; actual is the one it has.
func (s *s3Store) putProbe(ctx context.Context, body []byte, actual, claimed [sha256.Size]byte, with abilities,
	create bool) error {
	in := &s3.PutObjectInput{
		Bucket:        &s.bucket,
		Key:           s.key(probeKey),
		Body:          bytes.NewReader(body),
		ContentLength: aws.Int64(int64(len(body))),
		ContentType:   aws.String(contentType),
	}
	if with.checksums {
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(claimed[:]))
	}
	if create {
		in.IfNoneMatch = aws.String("*")
	}
	_, err := s.client.PutObject(ctx, in, signedSum(actual))
	return err
}

// isRefusal says whether the store understood who asks and answered that it will not do this: the answers to a wrong
// checksum, an unmet condition or an unknown feature. Refused credentials and failures of the store are none.
func isRefusal(err error) bool {
	switch statusOf(err) {
	case http.StatusPreconditionFailed, http.StatusNotImplemented, http.StatusConflict, http.StatusUnprocessableEntity:
		return true
	case http.StatusBadRequest:
		return !isCredentialCode(codeOf(err))
	}
	return false
}

// statusOf returns the HTTP status of a store's answer, or 0 when there was none.
func statusOf(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}
