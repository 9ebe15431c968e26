package snapshot

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// readSchema stores pg_dump's archive as chunks.
func (b *backup) readSchema(ctx context.Context) error {
	var extra []string
	for _, n := range b.snapshot.Catalog.Unreadable {
		extra = append(extra, "--exclude-table="+quotePattern(n.Schema)+"."+quotePattern(n.Name))
	}
	if b.snapshot.Catalog.Source.Encoding == "SQL_ASCII" { // comments, defaults and functions may hold any bytes
		extra = append(extra, "--encoding=SQL_ASCII")
	}
	var archive bytes.Buffer
	if err := b.tools.Dump(ctx, b.PlatformURL, b.snapshot.ID, &archive, extra...); err != nil {
		return keepsake.Errorf(keepsake.CodeUnavailable, "the schema could not be read, so nothing was backed up: %w", err)
	}
	if err := b.checkSchema(ctx, archive.Bytes()); err != nil {
		return err
	}
	// the schema is stored all the same, and again at the next backup
	if err := pgtool.Undate(archive.Bytes()); err != nil {
		b.track.Warnf("The schema is uploaded with every backup, also when nothing of it changed: pg_dump %d's archive "+
			"cannot be read (%s).", b.tools.Major, err)
	}
	for part := range slices.Chunk(archive.Bytes(), maxChunk) {
		c, err := b.store(ctx, repository.ObjectChunk, part)
		if err != nil {
			return err
		}
		b.manifest.Schema = append(b.manifest.Schema, repository.Chunk{Ref: c})
	}
	return nil
}

// mostNamed is how many missing definitions an error names.
const mostNamed = 5

// checkSchema holds what pg_dump has written against the catalog. A pg_dump that was cut short may have said that all
// went well, and rows without the tables that they belong to cannot be restored.
func (b *backup) checkSchema(ctx context.Context, dumped []byte) error {
	archive, err := pgtool.NewArchive()
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	if _, err := archive.Write(dumped); err != nil {
		return err
	}
	c := b.snapshot.Catalog
	entries, err := b.tools.List(ctx, archive, append(slices.Clone(c.Roles), "pg_database_owner"))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"pg_dump ended without an error, but what it wrote of the schema (%d bytes) cannot be read, so nothing was backed "+
				"up: look for what ends it, such as a wrapper around pg_dump or a full disk, and try again: %w", len(dumped), err)
	}
	defines := pgtool.DefinesOf(entries)
	var missing []string
	for _, d := range c.Defined() {
		if !defines.Take(d.Kind, d.Schema, d.Name) {
			missing = append(missing, strings.ToLower(d.Kind)+" "+strings.TrimPrefix(d.Schema+".", "-.")+d.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"pg_dump ended without an error, but its schema lacks %s, so nothing was backed up: look for what keeps it from "+
			"the whole schema, such as a wrapper around pg_dump, and try again", keepsake.FirstFew(missing, mostNamed))
}
