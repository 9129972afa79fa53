package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/postgres"
	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/adapters/sqlite"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A durable is a store as tests use it.
type durable interface {
	ledger.Sink
	ledger.Scanner
}

// A kind is one of the durable stores.
type kind struct {
	name string
	open func(ctx context.Context, place string) (durable, error) // a directory, a file, a connection string
}

var kinds = []kind{
	{"JSONL", func(_ context.Context, place string) (durable, error) {
		return ledger.OpenJSONL(place, ledger.JSONLConfig{SegmentBytes: 2 << 20})
	}},
	{"SQLite", func(ctx context.Context, place string) (durable, error) { return sqlite.Open(ctx, place) }},
	{"PostgreSQL", func(ctx context.Context, place string) (durable, error) {
		return postgres.Open(ctx, place, postgres.Config{})
	}},
}

// recovered recovers the attempts of a program that was killed, if opening the store has not done so.
func recovered(ctx context.Context, store durable) error {
	s, ok := store.(interface {
		Recover(ctx context.Context, before time.Time) (int, error)
	})
	if !ok {
		return nil
	}
	_, err := s.Recover(ctx, time.Now())
	return err
}

// startPostgres starts a server and returns its connection string. It returns the empty string if PostgreSQL is not installed
// and services are not required.
func startPostgres(t *testing.T) (dsn string) {
	t.Helper()
	server, err := pgtest.New()
	switch {
	case errors.Is(err, pgtest.ErrNotInstalled) && os.Getenv("SKINFLINT_REQUIRE_SERVICES") != "1":
		return ""
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.DSN()
}
