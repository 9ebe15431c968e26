package storage_test

import (
	"testing"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestMem(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(*testing.T) storage.Provider { return storagetest.NewMem() })
}

func TestFile(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Provider {
		p := openFile(t, t.TempDir()+"/not/yet")
		if err := storage.MakePlace(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		return p
	}, storagetest.TrustsSum())
}

func TestS3(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Provider { return openS3(t, testenv.S3(t), "") })
}

func TestS3PrefixesAreRepositoriesOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := testenv.S3(t)
	isolated(t, openS3(t, b, "prod"), openS3(t, b, "/prod-old/"))
}

// isolated proves that two providers in one bucket do not see each other.
func isolated(t *testing.T, one, two storage.Provider) {
	t.Helper()
	storagetest.Put(t, one, "chunks/a", []byte("one"))
	storagetest.Put(t, two, "chunks/a", []byte("two's"))
	storagetest.Put(t, two, "chunks/b", []byte("two's"))
	if found := storagetest.Keys(t, one, ""); len(found) != 1 || found["chunks/a"] != 3 {
		t.Errorf("one shows %v", found)
	}
	if err := one.Delete(t.Context(), "chunks/b"); err != nil {
		t.Error(err)
	}
	if found := storagetest.Keys(t, two, "chunks/"); len(found) != 2 {
		t.Errorf("two shows %v", found)
	}
}

func TestLyingS3(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Provider { return openS3(t, testenv.LyingS3(t), "some/folder") },
		storagetest.RacyCreate())
}

func TestGCS(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Provider { return openGCS(t, testenv.GCS(t), "") })
}

func TestRetryKeepsTheContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(*testing.T) storage.Provider {
		return storage.Retry(storagetest.NewMem(),
			storage.RetryOptions{})
	})
}

func TestFaultyKeepsTheContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(*testing.T) storage.Provider { return storagetest.Faulty(storagetest.NewMem()) })
}

func openFile(t testing.TB, dir string) storage.Provider {
	t.Helper()
	p, err := storage.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openS3(t testing.TB, b testenv.S3Bucket, prefix string) storage.Provider {
	t.Helper()
	p, err := storage.OpenS3(t.Context(), storage.S3Options{
		Endpoint:        b.Endpoint,
		Bucket:          b.Name,
		Prefix:          prefix,
		PathStyle:       true,
		AccessKeyID:     b.AccessKey,
		SecretAccessKey: keepsake.Secret(b.SecretKey),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openGCS(t testing.TB, b testenv.GCSBucket, prefix string) storage.Provider {
	t.Helper()
	p, err := storage.OpenGCS(t.Context(), storage.GCSOptions{Endpoint: b.Endpoint, Bucket: b.Name, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
