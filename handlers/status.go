package handlers

import (
	"net/http"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// StatusOf maps the code of an error to the HTTP status. No other place does.
func StatusOf(code keepsake.Code) int {
	switch code {
	case keepsake.CodeInvalid, keepsake.CodeUnsupported:
		return http.StatusUnprocessableEntity
	case keepsake.CodeNotFound:
		return http.StatusNotFound
	case keepsake.CodeConflict, keepsake.CodeCancelled, keepsake.CodeUnprotected:
		return http.StatusConflict
	case keepsake.CodeForbidden, keepsake.CodeProof:
		return http.StatusForbidden
	case keepsake.CodeLimited:
		return http.StatusTooManyRequests
	case keepsake.CodeUnavailable, keepsake.CodeUnknown:
		return http.StatusServiceUnavailable
	default: // internal, wrong key, damaged: nothing the person at the browser did
		return http.StatusInternalServerError
	}
}
