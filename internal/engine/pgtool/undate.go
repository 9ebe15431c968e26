package pgtool

import (
	"bytes"
	"errors"
)

// The header of an archive in pg_dump's custom format (PostgreSQL's source, pg_backup_archiver.c: WriteHead): the
// magic, the archive's version in three bytes (1.14.0: PostgreSQL 12 to 15, 1.15.0: 16, 1.16.0: 17 and 18), the bytes
// of an integer, the bytes of a file offset, the format; what the data are compressed with, one byte since 1.15 and an
// integer before; then, as seven integers, when the archive was made. An integer is a byte for its sign and its bytes,
// the lowest first.
const (
	archiveMagic  = "PGDMP"
	archiveFixed  = len(archiveMagic) + 6
	archiveCustom = 1

	oldestArchive    = 1<<8 | 12 // 1.12: PostgreSQL 9
	compressionByte  = 1<<8 | 15
	newestArchive    = 1<<8 | 16
	archiveIntegers  = 7 // second, minute, hour, day, month, year, daylight saving
	mostIntegerBytes = 8
)

// undated is midnight, 1 January 2000, as struct tm counts it: days from 1, months from 0, years from 1900.
var undated = [archiveIntegers]byte{3: 1, 5: 100}

// errArchive says that a header is not one of those that Undate knows.
var errArchive = errors.New("the archive's header is of no known form")

// Undate replaces the time at which pg_dump made an archive by one that is always the same, so that equal schemas are
// equal bytes. A restore does not use that time; pg_restore only prints it in its list. Undate leaves an archive of
// an unknown version as it is.
func Undate(archive []byte) error {
	if len(archive) < archiveFixed || !bytes.HasPrefix(archive, []byte(archiveMagic)) {
		return errArchive
	}
	head := archive[len(archiveMagic):archiveFixed]
	version, width := int(head[0])<<8|int(head[1]), int(head[3])
	if version < oldestArchive || version > newestArchive || width < 1 || width > mostIntegerBytes ||
		head[5] != archiveCustom {
		return errArchive
	}
	at := archiveFixed
	if version >= compressionByte {
		at++
	} else {
		at += 1 + width
	}
	end := at + archiveIntegers*(1+width)
	if end > len(archive) {
		return errArchive
	}
	clear(archive[at:end])
	for i, value := range undated {
		archive[at+i*(1+width)+1] = value
	}
	return nil
}
