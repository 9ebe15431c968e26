package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	maxParts     = 10_000 // S3's own limit
	abortTimeout = 15 * time.Second
)

// putParts sends a large body in parts; nothing is visible before the last request completes it. An upload that fails
// is aborted, so that its parts are not kept (and paid for).
func (s *s3Store) putParts(ctx context.Context, key string, body []byte, can abilities, create bool) error {
	start := &s3.CreateMultipartUploadInput{Bucket: &s.bucket, Key: s.key(key), ContentType: aws.String(contentType)}
	if can.checksums {
		start.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	}
	upload, err := s.client.CreateMultipartUpload(ctx, start)
	if err != nil {
		return err
	}
	parts, err := s.sendParts(ctx, key, upload.UploadId, body, can)
	if err == nil {
		end := &s3.CompleteMultipartUploadInput{
			Bucket:          &s.bucket,
			Key:             s.key(key),
			UploadId:        upload.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		}
		if create && can.createOnly {
			end.IfNoneMatch = aws.String("*")
		}
		_, err = s.client.CompleteMultipartUpload(ctx, end)
	}
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, abortErr := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket:   &s.bucket,
		Key:      s.key(key),
		UploadId: upload.UploadId,
	})
	if codeOf(abortErr) == "NoSuchUpload" {
		abortErr = nil // it was completed after all: the next attempt finds it
	}
	return errors.Join(err, abortErr)
}

func (s *s3Store) sendParts(ctx context.Context, key string, upload *string, body []byte, can abilities) (
	[]types.CompletedPart, error) {
	size := max(partSize, (len(body)+maxParts-1)/maxParts)
	var parts []types.CompletedPart
	for number := int32(1); len(body) > 0; number++ {
		part := body[:min(size, len(body))]
		body = body[len(part):]
		sum := sha256.Sum256(part)
		in := &s3.UploadPartInput{
			Bucket:        &s.bucket,
			Key:           s.key(key),
			UploadId:      upload,
			PartNumber:    aws.Int32(number),
			Body:          metered(ctx, part),
			ContentLength: aws.Int64(int64(len(part))),
		}
		if can.checksums {
			in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
		}
		out, err := s.client.UploadPart(ctx, in, signedSum(sum))
		if err != nil {
			return nil, err
		}
		parts = append(parts, types.CompletedPart{
			ETag:           out.ETag,
			PartNumber:     in.PartNumber,
			ChecksumSHA256: in.ChecksumSHA256,
		})
	}
	return parts, nil
}
