package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Watchers see every row in order. Neither a slow watcher nor a panic disturbs a call.
func TestWatchers(t *testing.T) {
	var log bytes.Buffer
	var seen []string
	slow := middleware.OnRow(func(r ledger.Row) {
		time.Sleep(time.Minute)
		seen = append(seen, r.Call)
	})
	panics := middleware.OnRow(func(ledger.Row) { panic("watcher") })
	logger := middleware.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		start := time.Now()
		for range 3 {
			if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("the calls waited %v for a watcher", time.Since(start))
		}
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := w.stack.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if err := w.stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
		var want []string
		for _, r := range w.stack.Rows() {
			want = append(want, r.Call)
		}
		if !slices.Equal(seen, want) || len(seen) != 3 {
			t.Errorf("seen %v of %v", seen, want)
		}
	}, slow, panics, logger)
	if got := log.String(); strings.Count(got, "llm attempt") != 3 || !strings.Contains(got, "panicked") {
		t.Errorf("log:\n%s", got)
	}
	if strings.Contains(log.String(), "sk-secret") || strings.Contains(log.String(), "Who saves") {
		t.Errorf("the log holds a key or a prompt:\n%s", log.String())
	}
}
