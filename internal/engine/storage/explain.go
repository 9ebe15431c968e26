package storage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
)

// failure is a kind of error that a person can do something about, in whole sentences: what happened and what it means
// for the copies there, then what to do. A colon is left to whoever puts a provider's name before them.
type failure struct {
	happened string
	remedy   string
	final    bool // trying again cannot help
}

func (f failure) words() string { return strings.TrimSpace(f.happened + " " + f.remedy) }

// settingError is what is wrong with the settings of a provider, in whole sentences.
type settingError string

func (e settingError) Error() string { return string(e) }

// Explain says in whole sentences what an error of a provider means and what to do. It names no object and no secret,
// and shows nothing of what a library says. For an error that it does not know, it gives the store's code and status,
// or the system's words.
func Explain(err error) string {
	if err == nil {
		return ""
	}
	if f, known := classify(err); known {
		return f.words()
	}
	return unknown(err).words()
}

// unknown tells what can be told of any error.
func unknown(err error) failure {
	var number syscall.Errno
	status, code := httpStatusOf(err), codeOf(err)
	what := "The store failed in a way that Keepsake does not know"
	switch {
	case status != 0 && plainCode(code):
		what = fmt.Sprintf("The store refused a request with HTTP status %d, code %s", status, code)
	case status != 0:
		what = fmt.Sprintf("The store refused a request with HTTP status %d", status)
	case plainCode(code):
		what = "The store refused a request with code " + code
	case errors.As(err, &number):
		what = "The system refused a request with the words “" + number.Error() + "”"
	}
	return failure{
		happened: what + ", so copies there can be neither written nor read.",
		remedy:   "Look at the provider's settings and at the store's own log, and run keepsake doctor again.",
	}
}

// plainCode reports whether a store's code is one word, as codes are, and no text.
func plainCode(code string) bool {
	return code != "" && len(code) <= 60 && !strings.ContainsFunc(code, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	})
}

// permanent says whether trying again cannot help.
func permanent(err error) bool {
	f, _ := classify(err)
	return f.final
}

func classify(err error) (failure, bool) {
	for _, kind := range []func(error) (failure, bool){classifyOwn, classifyStore, classifyDisk, classifyNetwork} {
		if f, known := kind(err); known {
			return f, true
		}
	}
	return failure{}, false
}

// classifyOwn knows this package's errors and the caller's cancellation.
func classifyOwn(err error) (failure, bool) {
	var silent *SilentError
	var setting settingError
	switch {
	case errors.As(err, &setting):
		return failure{setting.Error(), "Correct it in keepsake.yaml; until then the provider takes no copies " +
			"and gives none.", true}, true
	case errors.Is(err, errReplaced):
		return failure{"Another directory is at its path now, so nothing is written there.",
			"Mount the right disk again; where the new one is meant, restart Keepsake.", true}, true
	case errors.Is(err, ErrNoPlace):
		return failure{"Its directory is not there, so it takes no copies and gives none.",
			"Mount its disk, or bring the directory back.", true}, true
	case errors.As(err, &silent):
		return failure{silent.happened(), silentRemedy, true}, true
	case errors.Is(err, ErrNotFound):
		return failure{"The object is not there, so this copy cannot be used.",
			"Run keepsake repair, which copies it from a provider that has it.", true}, true
	case errors.Is(err, ErrExists):
		return failure{"An object of that name is already there, and nothing is overwritten.",
			"Run keepsake verify, which compares what is there.", true}, true
	case errors.Is(err, ErrChecksum):
		return failure{"The store holds other bytes than were sent, so this copy cannot be trusted.",
			"Run keepsake repair --deep, which replaces it; if that stays so, do not rely on this store.", true}, true
	case errors.Is(err, ErrTooLarge):
		return failure{"The object is larger than it can be, so it is not what Keepsake stored.",
			"Run keepsake repair --deep, which replaces it.", true}, true
	case errors.Is(err, errBadKey):
		return failure{"The object's name is not one that every provider keeps, so nothing was written.",
			"Report this as a fault of Keepsake.", true}, true
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return failure{"The store did not answer in time, so copies there can be neither written nor read now.",
			slowRemedy, false}, true
	case errors.Is(err, context.Canceled):
		return failure{"The work was cancelled before this provider was done.",
			"Start it again; what is there already is not sent again.", true}, true
	}
	return failure{}, false
}

const (
	silentRemedy = "It hangs or is overloaded, or the network to it is down. See to that, then run keepsake repair."
	slowRemedy   = "It or the network is overloaded or down; see to that, or wait, then run keepsake repair."
)

// classifyStore knows the answers of S3 and Google Cloud Storage.
func classifyStore(err error) (failure, bool) {
	code, status := codeOf(err), httpStatusOf(err)
	switch {
	case errors.Is(err, errNoCredentials):
		return failure{"No credentials were found, so nothing can be read or written there.",
			"Set access_key_id and secret_access_key, or provide them as AWS's tools expect.", true}, true
	case code == "NoSuchBucket", errors.Is(err, storage.ErrBucketNotExist):
		return failure{"The bucket does not exist, so nothing can be read or written there.",
			"Create it, or correct its name or region.", true}, true
	case code == "EntityTooLarge", code == "MaxMessageLengthExceeded", status == http.StatusRequestEntityTooLarge:
		return failure{"The store takes no object of this size, so what is larger has no copy there.",
			"Raise the size limit of the bucket, or of the project or proxy in front of it. Backups write objects of " +
				"up to 17 MiB, " +
				"and keepsake doctor tries one.", true}, true
	case code == "InvalidMimeType", status == http.StatusUnsupportedMediaType:
		return failure{"The bucket allows certain content types only, so it takes no copies.",
			"Let it take application/octet-stream, or any.", true}, true
	case code == "SignatureDoesNotMatch":
		return failure{"The store refused the signature, so nothing can be read or written there.",
			"The secret access key is wrong, or the region " +
				"is (some stores, such as Supabase Storage, answer the same to both). Check both.", true}, true
	case code == "InvalidAccessKeyId", code == "XAdminUserNotFound":
		return failure{"The store refused the credentials, because it does not know the access key id; nothing can be read " +
			"or written there.",
			"Correct access_key_id.", true}, true
	case code == "ExpiredToken", code == "InvalidToken":
		return failure{"The store refused the credentials, because they have expired; nothing can be read or written there.",
			"Renew them.", true}, true
	case code == "RequestTimeTooSkewed":
		return failure{"The store refused the request because this machine's clock is wrong; nothing can be read or " +
			"written there.", "Set the clock.", true}, true
	case code == "AuthorizationHeaderMalformed", code == "InvalidRegion", code == "IllegalLocationConstraintException",
		code == "PermanentRedirect", status == http.StatusMovedPermanently:
		return failure{"The bucket is in another region, so nothing can be read or written there.",
			"Correct the region.", true}, true
	case code == "AccessDenied", code == "AllAccessDisabled", status == http.StatusForbidden:
		return failure{"The store refused access, so copies there cannot be relied on.",
			"The credentials are wrong, or lack the right to read, list or write in this bucket. Correct them, or give " +
				"them that right.", true}, true
	case status == http.StatusUnauthorized:
		return failure{"The store refused the credentials, so nothing can be read or written there.", "Check them.", true},
			true
	case code == "QuotaExceeded", status == http.StatusInsufficientStorage:
		return failure{"The store is full, because its quota is used up; it takes no new copies.",
			"Raise the quota, or free some space.", true}, true
	case code == "SlowDown", status == http.StatusTooManyRequests:
		return failure{"The store asks to slow down, because it gets too many requests; what it refused has no " +
			"copy there yet.",
			"Wait, then run keepsake repair.", false}, true
	case code == "BadDigest", code == "XAmzContentChecksumMismatch", code == "XAmzContentSHA256Mismatch":
		return failure{"Other bytes arrived at the store than were sent, so it kept none of them.",
			"Something between here and the store changes what passes through, such as a proxy or a broken network " +
				"card. Look for it.", false}, true
	case status >= 500:
		return failure{
			fmt.Sprintf("The store failed with HTTP status %d, so copies there can be neither written nor read now.", status),
			"The fault is on its side. Try again later.", false}, true
	}
	return failure{}, false
}

// httpStatusOf is the status that S3 or Google Cloud Storage answered with, or 0.
func httpStatusOf(err error) int {
	var google *googleapi.Error
	if errors.As(err, &google) {
		return google.Code
	}
	return statusOf(err)
}

// classifyDisk knows the errors of directories.
func classifyDisk(err error) (failure, bool) {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return failure{"The disk is full, so it takes no new copies.",
			"Free some space or enlarge it, then run keepsake repair.", true}, true
	case errors.Is(err, syscall.EROFS):
		return failure{"The directory is on a read-only file system, so it takes no new copies.",
			"Mount it writable, then run keepsake repair.", true}, true
	case errors.Is(err, fs.ErrPermission):
		return failure{"The directory may not be read or written, so copies there cannot be relied on.",
			"Give the account that Keepsake runs as the right to it.", true}, true
	case errors.Is(err, syscall.ENOTDIR):
		return failure{"The path of the provider is no directory, or a file is in the way of a folder; nothing can " +
			"be kept there.",
			"Correct the path, or move the file away.", true}, true
	case errors.Is(err, fs.ErrNotExist):
		return failure{"Its directory is not there and cannot be made, so it takes no copies and gives none.",
			"A folder of its path is missing, or the file system takes none. Mount its disk, or correct the path.", true}, true
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE):
		return failure{"The disk reported an input/output error, so copies there cannot be relied on.",
			"It may be failing. Check it, then run " +
				"keepsake verify --deep.", false}, true
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return failure{"Too many files are open, so the provider could not be used now.",
			"Raise the limit of open files.", false}, true
	}
	return failure{}, false
}

// classifyNetwork knows what keeps a request from reaching a store.
func classifyNetwork(err error) (failure, bool) {
	var (
		name    *net.DNSError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		cert    *tls.CertificateVerificationError
		timeout net.Error
	)
	switch {
	case errors.As(err, &name):
		return failure{fmt.Sprintf("The name %s was not found, so copies there can be neither written nor read.", name.Name),
			"Check the endpoint and the name server.", false}, true
	case errors.Is(err, syscall.ECONNREFUSED):
		return failure{"Nothing listens at the endpoint (connection refused), so copies there can be neither written " +
			"nor read now.",
			"Check the address, and that the store is running.", false}, true
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &cert):
		return failure{"The store's TLS certificate is not trusted for this name, so nothing was sent there.",
			"Check the endpoint and the certificates.", true}, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return failure{"The endpoint cannot be reached, so copies there can be neither written nor read now.",
			"Check the network.", false}, true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, io.EOF):
		return failure{"The connection to the store broke off, so what was under way has no copy there.",
			"Check the network and the store, then run keepsake repair.", false}, true
	case errors.As(err, &timeout) && timeout.Timeout():
		return failure{"The store did not answer in time, so copies there can be neither written nor read now.",
			slowRemedy, false}, true
	}
	return failure{}, false
}
