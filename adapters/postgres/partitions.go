package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// lookUp reads which months have a partition.
func (s *Store) lookUp(ctx context.Context) error {
	names, err := s.partitions(ctx, s.pool)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.months)
	for _, m := range names {
		s.months[m] = true
	}
	return nil
}

// partitions returns the months that have a partition.
func (s *Store) partitions(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) (months []month, err error) {
	found, err := db.Query(ctx, `select c.relname::text from pg_inherits i
		join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent join pg_namespace n on n.oid = p.relnamespace
		where n.nspname = $1 and p.relname = 'rows' and p.relkind = 'p' order by 1`, s.schema)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(found, pgx.RowTo[string])
	for _, name := range names {
		if m, ok := parseTable(name); ok {
			months = append(months, m)
		}
	}
	return months, err
}

// ensure creates the partitions of the months that have none.
func (s *Store) ensure(ctx context.Context, months map[month]bool) error {
	var missing []month
	s.mu.Lock()
	for m := range months {
		if !s.months[m] {
			missing = append(missing, m)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	err := s.locked(ctx, func(tx pgx.Tx) error {
		there, err := s.partitions(ctx, tx) // another program may have created some
		if err != nil {
			return err
		}
		have := make(map[month]bool, len(there))
		for _, m := range there {
			have[m] = true
		}
		for _, m := range missing {
			if have[m] {
				continue
			}
			// A table that is created first and then attached does not block readers and writers. The statement "create
			// table partition of" would block them, and wait for them.
			table := s.prefix + m.table()
			const layout = "2006-01-02 15:04:05+00"
			if _, err := tx.Exec(ctx, fmt.Sprintf(`create table %s (like %srows including all);
				alter table %srows attach partition %s for values from ('%s') to ('%s')`,
				table, s.prefix, s.prefix, table, m.begin().Format(layout), (m+1).begin().Format(layout))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range missing {
		s.months[m] = true
	}
	return nil
}

// DropBefore drops the partitions of all months that ended before the given time, with all their rows, and returns how many
// it dropped. It is fast, but it has to wait for readers, for at most two seconds. After that it returns an error that says
// to try again.
func (s *Store) DropBefore(ctx context.Context, t time.Time) (int, error) {
	dropped := 0
	err := s.locked(ctx, func(tx pgx.Tx) error {
		months, err := s.partitions(ctx, tx)
		if err != nil {
			return err
		}
		// While the statement waits for its lock, all later readers wait for it.
		if _, err := tx.Exec(ctx, "set local lock_timeout = '2s'"); err != nil {
			return err
		}
		for _, m := range months {
			if (m + 1).begin().After(t) {
				continue
			}
			if _, err := tx.Exec(ctx, "drop table "+s.prefix+m.table()); err != nil {
				return err
			}
			dropped++
		}
		return nil
	})
	if err == nil {
		err = s.lookUp(ctx)
	}
	if err != nil {
		return 0, failed("drop old months", done(ctx, err))
	}
	return dropped, nil
}
