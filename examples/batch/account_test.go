package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// accountAt opens the ledger in a folder.
func accountAt(t *testing.T, dir string) *account {
	t.Helper()
	a, err := openAccount(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// rowOf is a row of a batch.
func rowOf(batch, call string, attempt int, outcome policy.Outcome, cost, exposure string) ledger.Row {
	r := ledger.Row{
		Call: call, Attempt: attempt, At: time.Now().UTC(), Provider: "openai", Operation: "chat", Model: "gpt-5-mini",
		AskedTier: policy.Flex, Outcome: outcome, UsageSource: ledger.None, Tags: map[string]string{batchTag: batch, lineTag: "line of " + call},
	}
	if cost != "" {
		r.Cost = ledger.Known(price.MustUSD(cost))
	} else {
		r.Unpriced = "it is not known"
	}
	if exposure != "" {
		r.Exposure = ledger.Known(price.MustUSD(exposure))
	}
	return r
}

// written fills the ledger of a batch. The program is then ended while a call is under way.
func written(t *testing.T, dir string) {
	t.Helper()
	a := accountAt(t, dir)
	fellBack := rowOf("b", "2", 2, policy.Billed, "0.5", "")
	fellBack.AskedTier = policy.Standard
	for _, r := range []ledger.Row{
		rowOf("b", "1", 1, policy.Billed, "0.25", ""),
		rowOf("b", "2", 1, policy.Rejected, "0", ""),
		fellBack,
		rowOf("b", "3", 1, policy.Ambiguous, "", "2"),
		rowOf("b", "4", 1, policy.Rejected, "0", ""),
		rowOf("b", "5", 0, policy.Refused, "0", ""),
		rowOf("b", "6", 1, policy.NotSent, "0", ""),
		rowOf("another", "7", 1, policy.Billed, "4", ""),
	} {
		a.Add(r)
	}
	a.Open(rowOf("b", "8", 1, policy.Open, "", "3"))
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAccount(t *testing.T) {
	dir := t.TempDir()
	written(t, dir)
	a := accountAt(t, dir)
	defer a.Close(t.Context())
	paid := map[string]string{}
	err := a.load(t.Context(), "b", func(r *ledger.Row) {
		if maybePaid(r) {
			paid[r.Tags[lineTag]] = r.Cost.String() + " " + r.Exposure.String()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"line of 1": "0.25 unknown", "line of 2": "0.5 unknown", "line of 3": "unknown 2", "line of 8": "unknown 3"}
	if !maps.Equal(paid, want) {
		t.Errorf("%v", paid)
	}
	totals := a.totals.Totals()
	if totals.Cost.String() != "0.75" || totals.Exposure.String() != "5" {
		t.Errorf("%+v", totals.Total)
	}
	c, err := a.count(t.Context(), "b")
	if c.sum != totals.Cost || err != nil {
		t.Errorf("%s in the files, %s in the totals: %v", c.sum, totals.Cost, err)
	}
	if c.sum = (price.Sum{}); c != (counts{rejected: 2, billed: 2, fallbacks: 1}) {
		t.Errorf("%+v", c)
	}
	for name := range totals.By {
		if strings.HasPrefix(name, "tag:") {
			t.Errorf("there is a total for %s", name)
		}
	}
}

func TestAccountLocked(t *testing.T) {
	dir := t.TempDir()
	a := accountAt(t, dir)
	defer a.Close(t.Context())
	args, _ := requests(t, chatLines(1)...)
	r := drive(t, counting(), append(args, "-ledger", dir)...)
	if r.code != exitUsage {
		t.Errorf("code %d", r.code)
	}
	r.says(t, "-ledger: ", "cannot be locked")
}

// TestAccountCorrupt has a ledger that cannot be read. What was paid for is then not known, so nothing is sent.
func TestAccountCorrupt(t *testing.T) {
	args, out := requests(t, chatLines(2)...)
	drive(t, counting(), args...).want(t, want{done: 2})
	write(t, out+".ledger/20200101T000000.000000000Z.jsonl", "no row\n")
	base := counting()
	r := drive(t, base, args...)
	if r.code != exitUsage || base.n.Load() > 0 {
		t.Errorf("code %d, %d requests", r.code, base.n.Load())
	}
	r.says(t, "-ledger: it cannot be read, so it is not known which lines were paid for")
}

// TestSharedLedger has two batches in one ledger. Their lines have the same ids.
func TestSharedLedger(t *testing.T) {
	dir := t.TempDir()
	one, _ := requests(t, chatLines(2)...)
	other, _ := requests(t, chatLines(3)...)
	first := drive(t, counting(), append(one, "-ledger", dir, "-name", "one")...)
	first.want(t, want{done: 2})
	r := drive(t, counting(), append(other, "-ledger", dir, "-name", "other")...)
	r.want(t, want{done: 3})
	if r.sum.Calls != 3 || first.sum.Calls != 2 {
		t.Errorf("%+v and %+v", first.sum, r.sum)
	}
}

// A fullSink is a disk that is full.
type fullSink struct{}

func (fullSink) Write(context.Context, []ledger.Row) error { return errors.New("the disk is full") }
func (fullSink) Close() error                              { return nil }

// TestAccountFails cannot write a row. The line is ended before its request is sent, and so is the run.
func TestAccountFails(t *testing.T) {
	set, err := parse([]string{"-in", "in", "-live"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	base := counting()
	b := &batch{set: &set, account: newAccount(fullSink{}, slog.New(slog.DiscardHandler)), keys: map[*service]string{openAI: "key"}}
	stack, err := newStack(&set, policy.Policy{}, b.account, base, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b.client = stack.ErrorsAs(middleware.AsError)
	if b.requests, err = newRequestReader(&set); err != nil {
		t.Fatal(err)
	}
	req, err := b.requests.read(line{number: 1, text: []byte(chatLine("a"))})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{batch: b, ctx: t.Context(), stopping: make(chan struct{})}
	for range 2 {
		if got := r.one(req); got.answer != nil || !errors.Is(got.stop, errLedger) || !strings.Contains(got.stop.Error(), "the disk is full") {
			t.Errorf("%+v", got)
		}
	}
	if base.n.Load() > 0 {
		t.Errorf("%d requests were sent", base.n.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.account.Close(ctx)
}

// A hungSink is a disk that does not answer.
type hungSink struct{ until chan struct{} }

func (h hungSink) Write(context.Context, []ledger.Row) error { <-h.until; return nil }
func (hungSink) Close() error                                { return nil }

// TestAccountHangs waits for a disk for a bounded time, and says what is not safe.
func TestAccountHangs(t *testing.T) {
	defer func(was time.Duration) { diskWait = was }(diskWait)
	diskWait = 20 * time.Millisecond
	sink := hungSink{make(chan struct{})}
	defer close(sink.until)
	a := newAccount(sink, slog.New(slog.DiscardHandler))
	a.dir = "the folder"
	a.Open(rowOf("b", "1", 1, policy.Open, "", "1"))
	a.Add(rowOf("b", "1", 1, policy.Billed, "0.25", ""))
	began := time.Now()
	if err := a.Flush(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "-ledger: waited in vain until all rows were safe in the folder") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), diskWait)
	defer cancel()
	if err := a.Close(ctx); err == nil || !strings.Contains(err.Error(), "-ledger: 1 rows, with a cost of $0.25, are not safe in the folder") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("after %v", took)
	}
}
