package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// failed returns an error that says what failed and, for known causes, what to do.
func failed(what string, err error) error {
	advice := ""
	switch code(err) {
	case "":
		var connect *pgconn.ConnectError
		if errors.As(err, &connect) {
			advice = "; is the server up, and do host and port fit?"
		}
	case "28P01", "28000":
		advice = "; check user, password and the server's pg_hba.conf"
	case "3D000":
		advice = "; create the database"
	case "42501":
		advice = "; the user must own the schema, or have the right to create it: GRANT CREATE ON DATABASE"
	case "53100":
		advice = "; make room on the server's disk, and try again"
	case "53300":
		advice = "; raise the server's max_connections, or lower pool_max_conns in the connection string"
	case "55P03":
		advice = "; others are reading it: try again"
	}
	return fmt.Errorf("postgres: %s: %w%s", what, err, advice)
}

// code returns the SQLSTATE of an error, or the empty string if it has none.
func code(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

// done returns the error of the context, if it has one: the driver's error only follows from it.
func done(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
