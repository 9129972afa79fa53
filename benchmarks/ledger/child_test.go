package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// The environment of a child.
const (
	childKind  = "LEDGER_TEST_KIND" // the name of a store
	childPlace = "LEDGER_TEST_PLACE"
	childURL   = "LEDGER_TEST_URL" // of the provider
	childFirst = "LEDGER_TEST_FIRST"
)

// TestMain is a program that makes calls until it is killed, when TestKilled starts it.
func TestMain(m *testing.M) {
	if name := os.Getenv(childKind); name != "" {
		fmt.Fprintln(os.Stderr, "child:", child(name))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child makes calls, eight at a time, and says on standard output which rows are safe, a line for each.
func child(name string) error {
	first, err := strconv.Atoi(os.Getenv(childFirst))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // if it is not killed
	defer cancel()
	var sink durable
	for _, k := range kinds {
		if k.name == name {
			sink, err = k.open(ctx, os.Getenv(childPlace))
		}
	}
	if err != nil || sink == nil {
		return fmt.Errorf("store %q: %w", name, err)
	}
	// A call is not sent before its row is known, however slow the machine is.
	w := &noting{Writer: ledger.NewWriter(sink, ledger.WriterConfig{OpenWait: time.Minute})}
	stack, err := middleware.New(middleware.WithStore(w), middleware.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	client, url := stack.Client(), os.Getenv(childURL)
	var next atomic.Int64
	next.Store(int64(first))
	for range 8 {
		go func() {
			for ctx.Err() == nil {
				ask(ctx, client, url, int(next.Add(1)))
			}
		}()
	}
	for ctx.Err() == nil {
		lines := w.taken()
		if err := w.Flush(ctx); err != nil {
			return err
		}
		if _, err := os.Stdout.Write(lines); err != nil {
			return err
		}
	}
	return errors.New("it was not killed")
}

// A noting Writer notes which rows it has taken: while Add is under way, a Flush need not wait for its row.
type noting struct {
	*ledger.Writer
	mu    sync.Mutex
	lines []byte
}

func (w *noting) Add(r ledger.Row) {
	w.Writer.Add(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(r.AppendJSON(w.lines), '\n')
}

// taken returns the rows that were taken since it was last called, as lines.
func (w *noting) taken() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

// ask makes the n-th call; every other one is a stream. It reports whether it was answered in full.
func ask(ctx context.Context, client *http.Client, url string, n int) bool {
	body := fmt.Sprintf(`{"model":"gpt-5-mini","max_completion_tokens":100,"stream":%v,"messages":[{"role":"user","content":"call-%d. Who saves?"}]}`, n%2 == 0, n)
	req, err := http.NewRequestWithContext(policy.With(ctx, policy.Tag("n", strconv.Itoa(n))), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}
