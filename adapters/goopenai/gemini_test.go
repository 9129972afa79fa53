package goopenai_test

import (
	"context"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"github.com/skinflint-go/skinflint/adapters/goopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const flash = "gemini-2.5-flash"

// gemini returns a client of the Gemini API's compatible face, at its own address, over a stack over a simulator.
func gemini(t *testing.T, cfg llmtest.Config, p policy.Policy) (*openai.Client, *middleware.Stack, *llmtest.Server) {
	t.Helper()
	server := llmtest.NewServer(cfg)
	t.Cleanup(server.Close)
	stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(server.Transport()))
	if err != nil {
		t.Fatal(err)
	}
	config := openai.DefaultConfig("AI-test")
	config.BaseURL = "https://generativelanguage.googleapis.com/v1beta/openai"
	return goopenai.NewClientWithConfig(config, stack), stack, server
}

// geminiRates are dollars for a million tokens of gemini-2.5-flash: input, cached input, output. Google's price page of
// November 2026.
var geminiRates = map[string][3]string{"standard": {"0.3", "0.03", "2.5"}, "flex": {"0.15", "0.015", "1.25"}}

// checkGemini lays a row beside what the meter has last.
func checkGemini(t *testing.T, row ledger.Row, server *llmtest.Server) {
	t.Helper()
	meter := server.Meter()
	g := meter[len(meter)-1]
	if row.Provider != "gemini" || row.Outcome != policy.Billed || row.UsageSource != ledger.Measured || row.ResponseID != g.ID ||
		string(row.ServedTier) != g.Tier || row.Cache != g.Cache || row.Usage.Input+row.Usage.CachedInput != g.Prompt ||
		row.Usage.CachedInput != g.Cached || row.Usage.Output != g.Completion {
		t.Errorf("row %+v\nmeter %+v", row, g)
	}
	want := new(big.Rat)
	for i, n := range []int64{g.Prompt - g.Cached, g.Cached, g.Completion} {
		rate, ok := new(big.Rat).SetString(geminiRates[g.Tier][i])
		if !ok {
			t.Fatalf("no rate on %s", g.Tier)
		}
		want.Add(want, rate.Mul(rate, big.NewRat(n, 1_000_000)))
	}
	if got, ok := new(big.Rat).SetString(row.Cost.String()); !ok || got.Cmp(want) != 0 {
		t.Errorf("cost %s, want %s", row.Cost, want.FloatString(12))
	}
}

func TestGeminiUnary(t *testing.T) {
	client, stack, server := gemini(t, llmtest.Config{Flex: llmtest.Refuse(1)}, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})
	answer, err := client.CreateChatCompletion(t.Context(), ask(flash, "Who thinks?"))
	if err != nil {
		t.Fatal(err)
	}
	requests, rows := server.Requests(), stack.Rows()
	if len(requests) != 2 || requests[0].Tier != "flex" || strings.Contains(string(requests[1].Body), "service_tier") {
		t.Fatalf("requests: %+v", requests)
	}
	if len(rows) != 2 || rows[0].Outcome != policy.Rejected || rows[0].AskedTier != policy.Flex || rows[0].Cost != ledger.Known(0) {
		t.Fatalf("rows: %+v", rows)
	}
	checkGemini(t, rows[1], server)
	// What the model thought is in the total only.
	g := server.Meter()[0]
	if g.Reasoning == 0 || int64(answer.Usage.CompletionTokens) != g.Completion-g.Reasoning || int64(answer.Usage.TotalTokens) != g.Prompt+g.Completion {
		t.Errorf("usage %+v, meter %+v", answer.Usage, g)
	}
}

func TestGeminiStream(t *testing.T) {
	client, stack, server := gemini(t, llmtest.Config{}, policy.Policy{Tier: policy.Flex})
	stream, err := client.CreateChatCompletionStream(t.Context(), ask(flash, "Who streams?"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(chunk.Choices) == 0 {
			t.Errorf("a chunk without choices reached a caller who did not ask for usage: %+v", chunk)
		}
	}
	if got := server.Requests()[0]; !got.IncludeUsage || got.Tier != "flex" {
		t.Errorf("on the wire: usage asked for %v, tier %q", got.IncludeUsage, got.Tier)
	}
	if rows := stack.Rows(); len(rows) != 1 || !rows[0].Stream {
		t.Fatalf("rows: %+v", rows)
	}
	checkGemini(t, stack.Rows()[0], server)
}

func TestGeminiContextCache(t *testing.T) {
	client, stack, server := gemini(t, llmtest.Config{}, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})
	name := server.NewCache(flash, 20_000, time.Hour)
	ctx := policy.With(t.Context(), policy.CachedContent(name))
	if _, err := client.CreateChatCompletion(ctx, ask(flash, "Who remembers?")); err != nil {
		t.Fatal(err)
	}
	if body := string(server.Requests()[0].Body); !strings.Contains(body, `"extra_body":{"google":{"cached_content":"`+name+`"}}`) {
		t.Errorf("body: %s", body)
	}
	checkGemini(t, stack.Rows()[0], server)
	if used := stack.Rows()[0].Usage.CachedInput; used != 20_000 {
		t.Errorf("%d tokens from the cache", used)
	}

	server.KillCache(name)
	_, err := client.CreateChatCompletion(ctx, ask(flash, "Who forgets?"))
	checkGeminiError(t, err, 403)
	if rows := stack.Rows(); len(rows) != 2 || rows[1].Outcome != policy.Rejected {
		t.Errorf("rows: %+v", rows)
	}
}

func TestGeminiErrorsReachTheSDK(t *testing.T) {
	client, stack, _ := gemini(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.QuotaExceeded)}, policy.Policy{})
	_, err := client.CreateChatCompletion(t.Context(), ask(flash, "Who pays?"))
	checkGeminiError(t, err, 429)
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Reason != policy.Quota {
		t.Errorf("rows: %+v", rows)
	}
}

// checkGeminiError wants the SDK's type for errors that it cannot read: on this face they are Google's, in an array.
func checkGeminiError(t *testing.T, err error, status int) {
	t.Helper()
	var e *openai.RequestError
	if !errors.As(err, &e) || e.HTTPStatusCode != status {
		t.Errorf("error: %v, want status %d", err, status)
	}
}

func TestGeminiRefusalsReachTheCaller(t *testing.T) {
	client, _, server := gemini(t, llmtest.Config{}, policy.Policy{})
	for want, ctx := range map[error]context.Context{
		middleware.ErrCost:   policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.000001"))),
		middleware.ErrPolicy: policy.With(t.Context(), policy.CachedContent("no-resource-name")),
	} {
		_, err := client.CreateChatCompletion(ctx, ask(flash, "Who refuses?"))
		var refusal *middleware.Error
		if !errors.As(err, &refusal) || !errors.Is(err, want) {
			t.Errorf("error: %v, want %v", err, want)
		}
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests reached the provider", n)
	}
}
