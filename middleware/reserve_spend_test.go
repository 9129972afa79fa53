package middleware_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// spentByLedger checks that the budget has spent what the ledger says, with the exposure.
func spentByLedger(t *testing.T, stack *middleware.Stack) {
	t.Helper()
	totals, state := stack.Totals(), stack.Budgets()[0]
	cost := totals.Cost
	cost.AddSum(totals.Storage)
	cost.AddSum(totals.Exposure)
	if all, ok := cost.Pico(); !ok || all != state.Spent || state.Held != 0 {
		t.Errorf("the ledger has $%v, storage $%v, exposure $%v, and the budget $%v with $%v held", totals.Cost, totals.Storage, totals.Exposure, state.Spent, state.Held)
	}
}

// A budget counts the creation and the storage of context caches, and does not let one be created that it cannot pay for.
func TestBudgetCountsCaches(t *testing.T) {
	inWorld(t, llmtest.Config{}, capOf("1"), func(w *world) {
		h, err := w.stack.Ensure(w.Context(), w.caches(), library())
		if err != nil {
			t.Fatal(err)
		}
		if w.gemini(w.Context(), asking("Why?")) != 200 {
			t.Error("the call failed")
		}
		spentByLedger(t, w.stack)
		if w.stack.Totals().Storage.Sign() <= 0 {
			t.Error("no storage")
		}
		time.Sleep(time.Minute) // in the bubble
		if err := h.Close(w.Context()); err != nil {
			t.Error(err)
		}
		spentByLedger(t, w.stack)
	})
	inWorld(t, llmtest.Config{}, capOf("0.001"), func(w *world) {
		if _, err := w.stack.Ensure(w.Context(), w.caches(), library()); !errors.Is(err, middleware.ErrBudget) {
			t.Errorf("%v", err)
		}
		if n := len(w.provider.Caches()); n != 0 {
			t.Errorf("%d caches", n)
		}
	})
}

// A call in the background counts by what it may cost until its result is fetched.
func TestBudgetCountsBackground(t *testing.T) {
	base := newAPI()
	stack := stackOver(t, base, capOf("1"))
	base.on("POST "+responsesURL, says(200, "application/json", queued))
	base.on("GET "+asked, says(200, "application/json", completed))
	mustDo(t, stack, "POST", responsesURL, backgroundBody)
	spentByLedger(t, stack)
	if s := stack.Budgets()[0]; s.Exposure == 0 {
		t.Errorf("%+v", s)
	}
	fetch(t, stack, asked, 2, completed)
	spentByLedger(t, stack)
	if s := stack.Budgets()[0]; s.Exposure != 0 || s.Spent != price.MustUSD("0.0002125") {
		t.Errorf("%+v", s)
	}
}

// The log warns once when most of a budget is spent.
func TestBudgetWarns(t *testing.T) {
	var log bytes.Buffer
	p := capOf("1")
	p.Budgets[0].WarnPercent = 1
	inWorld(t, llmtest.Config{}, p, func(w *world) {
		for range 30 {
			if err := w.simpleBounded(); err != nil {
				t.Fatal(err)
			}
		}
	}, middleware.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if n := strings.Count(log.String(), "budget daily"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}

// Submissions have no bound: a budget refuses them unless the program lets them through, and the row then says so.
func TestBudgetOfSubmissions(t *testing.T) {
	base := newAPI()
	base.on("POST https://api.openai.com/v1/batches", says(200, "application/json", `{"id":"batch_1"}`))
	stack := stackOver(t, base, capOf("1"))
	const body = `{"input_file_id":"f","endpoint":"/v1/chat/completions","completion_window":"24h"}`
	if _, err := do(t, t.Context(), stack, "POST", "https://api.openai.com/v1/batches", body); !errors.Is(err, middleware.ErrBudget) || len(base.sent) > 0 {
		t.Errorf("%v, sent %v", err, base.sent)
	}
	ctx := policy.With(t.Context(), policy.AllowDeferredCost())
	if _, err := do(t, ctx, stack, "POST", "https://api.openai.com/v1/batches", body); err != nil {
		t.Error(err)
	}
	if rows := stack.Rows(); !strings.Contains(rows[len(rows)-1].Skipped, "budgets") {
		t.Errorf("%+v", rows[len(rows)-1])
	}
}
