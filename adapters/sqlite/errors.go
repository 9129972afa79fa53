package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// failed returns an error that says what failed and, for known causes, what to do.
func failed(what string, err error) error {
	advice := ""
	switch code(err) {
	case sqlite3.SQLITE_BUSY:
		advice = "; another program has held the database for too long: try again"
	case sqlite3.SQLITE_FULL:
		advice = "; make room on the disk, and try again"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		advice = "; the file and its directory must be writable"
	case sqlite3.SQLITE_NOTADB:
		advice = "; name another file"
	case sqlite3.SQLITE_CORRUPT:
		advice = "; restore it from a backup, or save what can be read with the program sqlite3 and its command .recover"
	}
	return fmt.Errorf("sqlite: %s: %w%s", what, err, advice)
}

// code returns SQLite's primary code of an error, or 0 if it has none.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}
