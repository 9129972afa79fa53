package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// applicationID marks a database as a ledger of this package: "skfl".
const applicationID = 0x736b666c

// migrations bring the tables from each version to the next. A published migration must not be changed.
var migrations = []string{
	`CREATE TABLE rows (
		call          TEXT    NOT NULL,
		attempt       INTEGER NOT NULL,
		at            INTEGER NOT NULL,
		provider      TEXT    NOT NULL,
		operation     TEXT    NOT NULL,
		model         TEXT    NOT NULL,
		served_tier   TEXT    NOT NULL,
		outcome       TEXT    NOT NULL,
		price_id      TEXT    NOT NULL,
		unpriced      INTEGER NOT NULL,
		cost_pico     INTEGER,
		list_pico     INTEGER,
		implicit_pico INTEGER,
		exposure_pico INTEGER,
		tags          TEXT,
		row           TEXT    NOT NULL,
		PRIMARY KEY (call, attempt)
	) STRICT;
	CREATE INDEX rows_at ON rows (at, call, attempt);
	CREATE INDEX rows_open ON rows (at, call, attempt) WHERE outcome = 'open';`,
}

// migrate brings the tables to the latest version in one transaction, so that several programs can start at the same time.
func migrate(ctx context.Context, tx *sql.Tx) error {
	var id, version, tables int
	if err := tx.QueryRowContext(ctx, "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "+
		"FROM pragma_application_id, pragma_user_version").Scan(&id, &version, &tables); err != nil {
		return err
	}
	fresh := id == 0 && version == 0 && tables == 0
	switch {
	case id != applicationID && !fresh:
		return errors.New("it is a database of another program: name another file")
	case version > len(migrations):
		return fmt.Errorf("its tables are of version %d, and this program knows those up to %d: use a newer one", version, len(migrations))
	case version == len(migrations):
		return nil
	}
	for _, migration := range migrations[version:] {
		if _, err := tx.ExecContext(ctx, migration); err != nil {
			return err
		}
	}
	// A pragma takes no parameters.
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(migrations)))
	return err
}
