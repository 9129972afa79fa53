package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// migrations bring the tables from each version to the next; %[1]s is the schema with its dot. A published migration must
// not be changed.
var migrations = []string{
	// The collation "C" compares calls byte by byte, as Go does, in a database of any language.
	`create table %[1]srows (
		at            timestamptz not null,
		call          text collate "C" not null,
		attempt       bigint  not null,
		provider      text    not null,
		operation     text    not null,
		model         text    not null,
		served_tier   text    not null,
		outcome       text    not null,
		price_id      text    not null,
		unpriced      boolean not null,
		cost_pico     bigint,
		list_pico     bigint,
		implicit_pico bigint,
		exposure_pico bigint,
		tags          jsonb,
		row           json    not null,
		primary key (at, call, attempt)
	) partition by range (at);
	create index rows_open on %[1]srows (at, call, attempt) where outcome = 'open';`,
}

// migrate brings the tables to the latest version, and reads which partitions there are.
func (s *Store) migrate(ctx context.Context) error {
	var encoding string
	var number int
	if err := s.pool.QueryRow(ctx, "select current_setting('server_encoding'), current_setting('server_version_num')::int").Scan(&encoding, &number); err != nil {
		return done(ctx, err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s: create one with encoding 'UTF8'", encoding)
	}
	if number < 120000 {
		return fmt.Errorf("the server is PostgreSQL %d: 12 or newer is needed", number/10000)
	}
	err := s.locked(ctx, func(tx pgx.Tx) error {
		version, err := s.version(ctx, tx)
		switch {
		case err != nil:
			return err
		case version > len(migrations):
			return fmt.Errorf("its tables are of version %d, and this program knows those up to %d: use a newer one", version, len(migrations))
		case version == len(migrations):
			return nil
		}
		for _, migration := range migrations[version:] {
			if _, err := tx.Exec(ctx, fmt.Sprintf(migration, s.prefix)); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, "update "+s.prefix+"version set version = $1", len(migrations))
		return err
	})
	if err != nil {
		return done(ctx, err)
	}
	return done(ctx, s.lookUp(ctx))
}

// version returns the version of the tables, or 0 if there are none. It then creates the table of the version. It creates
// the schema only if it does not exist: a user may own the schema without the right to create one.
func (s *Store) version(ctx context.Context, tx pgx.Tx) (version int, err error) {
	err = tx.QueryRow(ctx, "select 1 from pg_namespace where nspname = $1", s.schema).Scan(nil)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = tx.Exec(ctx, "create schema "+pgx.Identifier{s.schema}.Sanitize())
	}
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, "create table if not exists "+s.prefix+"version (version integer not null)"); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, "select version from "+s.prefix+"version").Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = tx.Exec(ctx, "insert into "+s.prefix+"version values (0)")
	}
	return version, err
}
