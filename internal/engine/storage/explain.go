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
	"syscall"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
)

// failure is a kind of error that a person can do something about.
type failure struct {
	sentence string
	final    bool // trying again cannot help
}

// Explain says in one plain sentence what an error of a provider means and what to do. It names no object and no secret; an
// error it does not know is given in its own words.
func Explain(err error) string {
	if err == nil {
		return ""
	}
	if f, known := classify(err); known {
		return f.sentence
	}
	return fmt.Sprintf("the store failed: %v", err)
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
	switch {
	case errors.Is(err, errReplaced):
		return failure{"another directory is at its path now: mount the right disk again; where the new one is meant, restart Keepsake", true}, true
	case errors.Is(err, ErrNoPlace):
		return failure{"its directory is not there: mount its disk, or bring the directory back", true}, true
	case errors.As(err, &silent):
		return failure{silent.Error(), true}, true
	case errors.Is(err, ErrNotFound):
		return failure{"the object is not there", true}, true
	case errors.Is(err, ErrExists):
		return failure{"an object of that name is already there, and nothing is overwritten", true}, true
	case errors.Is(err, ErrChecksum):
		return failure{"the store holds other bytes than were sent: this copy cannot be trusted", true}, true
	case errors.Is(err, ErrTooLarge):
		return failure{"the object is larger than it can be: it is not what Keepsake stored", true}, true
	case errors.Is(err, errBadKey):
		return failure{"the object's name is not one that every provider keeps", true}, true
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return failure{"the store did not answer in time: it or the network is overloaded or down", false}, true
	case errors.Is(err, context.Canceled):
		return failure{"the work was cancelled", true}, true
	}
	return failure{}, false
}

// classifyStore knows the answers of S3 and Google Cloud Storage.
func classifyStore(err error) (failure, bool) {
	code, status := codeOf(err), statusOf(err)
	var google *googleapi.Error
	if errors.As(err, &google) {
		status = google.Code
	}
	switch {
	case errors.Is(err, errNoCredentials):
		return failure{"no credentials were found: set access_key_id and secret_access_key, or provide them as AWS's tools expect", true}, true
	case code == "NoSuchBucket", errors.Is(err, storage.ErrBucketNotExist):
		return failure{"the bucket does not exist: create it, or correct its name or region", true}, true
	case code == "EntityTooLarge", code == "MaxMessageLengthExceeded", status == http.StatusRequestEntityTooLarge:
		return failure{"the store takes no object of this size: raise the size limit of the bucket, or of the project or proxy in " +
			"front of it; backups write objects of up to 17 MiB, and keepsake doctor tries one", true}, true
	case code == "InvalidMimeType", status == http.StatusUnsupportedMediaType:
		return failure{"the bucket allows certain content types only: let it take application/octet-stream, or any", true}, true
	case code == "SignatureDoesNotMatch":
		return failure{"the store refused the signature: the secret access key is wrong, or the region is (some stores, such as " +
			"Supabase Storage, answer the same to both): check both", true}, true
	case code == "InvalidAccessKeyId", code == "XAdminUserNotFound":
		return failure{"the store refused the credentials: it does not know the access key id", true}, true
	case code == "ExpiredToken", code == "InvalidToken":
		return failure{"the store refused the credentials: they have expired", true}, true
	case code == "RequestTimeTooSkewed":
		return failure{"the store refused the request because this machine's clock is wrong: set the clock", true}, true
	case code == "AuthorizationHeaderMalformed", code == "InvalidRegion", code == "IllegalLocationConstraintException", code == "PermanentRedirect", status == http.StatusMovedPermanently:
		return failure{"the bucket is in another region: correct the region", true}, true
	case code == "AccessDenied", code == "AllAccessDisabled", status == http.StatusForbidden:
		return failure{"the store refused access: the credentials are wrong or lack the right to read, list or write in this bucket", true}, true
	case status == http.StatusUnauthorized:
		return failure{"the store refused the credentials: check them", true}, true
	case code == "QuotaExceeded", status == http.StatusInsufficientStorage:
		return failure{"the store is full: its quota is used up", true}, true
	case code == "SlowDown", status == http.StatusTooManyRequests:
		return failure{"the store asks to slow down: too many requests", false}, true
	case status >= 500:
		return failure{fmt.Sprintf("the store failed with HTTP status %d: the fault is on its side, try again later", status), false}, true
	}
	return failure{}, false
}

// classifyDisk knows the errors of directories.
func classifyDisk(err error) (failure, bool) {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return failure{"the disk is full: free some space or enlarge it", true}, true
	case errors.Is(err, syscall.EROFS):
		return failure{"the directory is on a read-only file system: mount it writable", true}, true
	case errors.Is(err, fs.ErrPermission):
		return failure{"the directory may not be read or written: give the account Keepsake runs as the right to", true}, true
	case errors.Is(err, syscall.ENOTDIR):
		return failure{"the path of the provider is no directory, or a file is in the way of a folder", true}, true
	case errors.Is(err, fs.ErrNotExist):
		return failure{"its directory is not there and cannot be made: a folder of its path is missing, or the file system takes none", true}, true
	case errors.Is(err, syscall.EIO):
		return failure{"the disk reported an input/output error: it may be failing, check it", false}, true
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return failure{"too many files are open: raise the limit of open files", false}, true
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
		return failure{fmt.Sprintf("the name %s was not found: check the endpoint and the name server", name.Name), false}, true
	case errors.Is(err, syscall.ECONNREFUSED):
		return failure{"nothing listens at the endpoint (connection refused): check the address, and that the store is running", false}, true
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &cert):
		return failure{"the store's TLS certificate is not trusted for this name: check the endpoint and the certificates", true}, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return failure{"the endpoint cannot be reached: check the network", false}, true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return failure{"the connection to the store broke off", false}, true
	case errors.As(err, &timeout) && timeout.Timeout():
		return failure{"the store did not answer in time: it or the network is overloaded or down", false}, true
	}
	return failure{}, false
}
