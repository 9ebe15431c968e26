package storage

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
)

// s3Error names what failed and turns the store's answers into this package's errors. A nil error stays nil.
func s3Error(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	switch codeOf(err) {
	case "NoSuchBucket": // not a missing object: nothing can be there
		return fmt.Errorf("%s %s: %w", verb, key, err)
	case "NoSuchKey", "NotFound":
		return fmt.Errorf("%s %s: %w", verb, key, errors.Join(ErrNotFound, err))
	case "PreconditionFailed":
		return fmt.Errorf("%s %s: %w", verb, key, errors.Join(ErrExists, err))
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch":
		return fmt.Errorf("%s %s: the store received other bytes than were sent: %w", verb, key, err)
	}
	if statusOf(err) == http.StatusPreconditionFailed {
		err = errors.Join(ErrExists, err)
	}
	return fmt.Errorf("%s %s: %w", verb, key, err)
}

// codeOf returns the store's own error code, or "".
func codeOf(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

// isCredentialCode reports whether the store refused the credentials and not the request. Some stores answer 400 to
// both.
func isCredentialCode(code string) bool {
	switch code {
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
		"TokenRefreshRequired",
		"AuthorizationHeaderMalformed", "RequestTimeTooSkewed", "AccountProblem", "AllAccessDisabled", "NoSuchBucket":
		return true
	}
	return false
}
