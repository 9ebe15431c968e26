package restore

import (
	"context"
	"fmt"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// targetOptions are what every look at a target needs.
func (by *Restorer) targetOptions(url keepsake.Secret) target.Options {
	return target.Options{
		URL:      url,
		Managed:  by.ManagedSchemas,
		Sessions: 2*(by.Workers+spareLoaders) + by.Workers + 3,
		Reserved: []target.Reserved{{What: "the platform's own database", URL: by.PlatformURL},
			{What: "the console's own database", URL: by.ConsoleURL}},
	}
}

// CheckTarget returns an error for a database that no restore may be written into. A database that does not exist yet
// is none of them. Restore looks again and closer, because an unfinished restore can be judged only with its recovery
// point.
func (by *Restorer) CheckTarget(ctx context.Context, url keepsake.Secret) error {
	return target.Look(ctx, by.targetOptions(url))
}

// markProver seals marks of unfinished restores as notes that lie nowhere but in the database they are about.
type markProver struct{ repo *replicas.Repo }

const markPrefix = replicas.NotePrefix + "target/"

// Prove implements target.Prover.
func (p markProver) Prove(about, point string) ([]byte, error) {
	return p.repo.Keys.SealObject(repository.ObjectNote, markPrefix+about, []byte(point))
}

// Point implements target.Prover.
func (p markProver) Point(about string, proof []byte) (string, error) {
	plain, err := p.repo.Keys.OpenObject(repository.ObjectNote, markPrefix+about, proof, replicas.MaxNote)
	return string(plain), err
}

// judgeMark looks whether an unfinished restore in the target may be cleared: it must be one from this repository, and
// nothing may be there that it cannot have made.
func (r *restore) judgeMark(ctx context.Context) error {
	point, err := r.target.MarkedPoint(ctx)
	if err != nil || point == "" {
		return err
	}
	m, _, _, err := r.Replicas.Resolve(ctx, r.source.Repo, r.source.Providers, point)
	if keepsake.CodeOf(err) == keepsake.CodeNotFound {
		return keepsake.Errorf(keepsake.CodeConflict,
			"the database %q holds an unfinished restore of recovery point %s, which is not here any more: it is not cleared, "+
				"nothing was written; drop the database, or restore into a new one",
			r.target.Name, point)
	}
	if err != nil {
		return err
	}
	archive, entries, err := r.readArchive(ctx, m)
	if err != nil {
		return err
	}
	_ = archive.Close()
	return r.target.JudgeMark(ctx, point, madeBy(m, entries))
}

// madeBy names what a restore of a recovery point makes, as target names content.
func madeBy(m *repository.Manifest, entries []pgtool.Entry) map[string]bool {
	made := map[string]bool{}
	for _, e := range entries {
		name, kind := target.ContentName(e.Kind, e.Name), target.ContentKind(e.Kind)
		if kind == "function" {
			name, _, _ = strings.Cut(name, "(")
		}
		if e.Schema != "-" {
			name = keepsake.TableName(e.Schema, name)
		}
		made[kind+" "+name] = true
	}
	for _, o := range m.Objects {
		made[fmt.Sprintf("large object %d", o.OID)] = true
	}
	return made
}
