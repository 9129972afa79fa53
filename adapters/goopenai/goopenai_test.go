package goopenai_test

import (
	"context"
	"errors"
	"io"
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

// setup returns a client over a stack over a simulator.
func setup(t *testing.T, cfg llmtest.Config, p policy.Policy) (*openai.Client, *middleware.Stack, *llmtest.Server) {
	t.Helper()
	server := llmtest.NewServer(cfg)
	t.Cleanup(server.Close)
	stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(server.Transport()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	config := openai.DefaultConfig("sk-test")
	config.BaseURL = server.URL + "/v1"
	return goopenai.NewClientWithConfig(config, stack), stack, server
}

func ask(model, text string) openai.ChatCompletionRequest {
	return openai.ChatCompletionRequest{
		Model:    model,
		Messages: []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: text}},
	}
}

func TestUnary(t *testing.T) {
	client, stack, server := setup(t, llmtest.Config{Flex: llmtest.Refuse(1)}, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})
	answer, err := client.CreateChatCompletion(t.Context(), ask("gpt-5", "Who saves?"))
	if err != nil {
		t.Fatal(err)
	}
	if answer.ServiceTier != "default" || len(answer.Choices) != 1 {
		t.Errorf("answer: tier %q, %d choices", answer.ServiceTier, len(answer.Choices))
	}
	rows := stack.Rows()
	if len(rows) != 2 {
		t.Fatalf("%d rows, want 2: %+v", len(rows), rows)
	}
	first, second := rows[0], rows[1]
	if first.Outcome != policy.Rejected || first.Evidence != policy.Documented || first.AskedTier != policy.Flex || first.Cost != ledger.Known(0) {
		t.Errorf("first attempt: %+v", first)
	}
	if second.Outcome != policy.Billed || second.AskedTier != policy.Standard || second.ServedTier != policy.Standard || !second.Cost.Known {
		t.Errorf("second attempt: %+v", second)
	}
	billed := server.Meter()
	if len(billed) != 1 || billed[0].ID != second.ResponseID || billed[0].Prompt != second.Usage.Input || billed[0].Completion != second.Usage.Output {
		t.Errorf("meter: %+v\nrow: %+v", billed, second)
	}
}

func TestStream(t *testing.T) {
	client, stack, server := setup(t, llmtest.Config{}, policy.Policy{Tier: policy.Flex})
	stream, err := client.CreateChatCompletionStream(t.Context(), ask("gpt-5-mini", "Who streams?"))
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
	// The SDK has stopped reading at [DONE], and the row is closed before the stream is.
	rows := stack.Rows()
	if len(rows) != 1 || rows[0].UsageSource != ledger.Measured || rows[0].ServedTier != policy.Flex || !rows[0].Cost.Known {
		t.Fatalf("rows: %+v", rows)
	}
	if got := server.Requests()[0]; !got.IncludeUsage || got.Tier != "flex" {
		t.Errorf("on the wire: usage asked for %v, tier %q", got.IncludeUsage, got.Tier)
	}
}

func TestStreamWithUsageOfItsOwn(t *testing.T) {
	client, _, _ := setup(t, llmtest.Config{}, policy.Policy{})
	request := ask("gpt-5-mini", "Who counts?")
	request.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	stream, err := client.CreateChatCompletionStream(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	usage := 0
	for {
		chunk, err := stream.Recv()
		if err != nil {
			break
		}
		if chunk.Usage != nil {
			usage++
		}
	}
	if usage != 1 {
		t.Errorf("%d chunks with usage reached a caller who asked for one", usage)
	}
}

func TestErrorsReachTheSDK(t *testing.T) {
	client, stack, _ := setup(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.QuotaExceeded)}, policy.Policy{})
	_, err := client.CreateChatCompletion(t.Context(), ask("gpt-5", "Who pays?"))
	var api *openai.APIError
	if !errors.As(err, &api) || api.HTTPStatusCode != 429 || api.Code != "insufficient_quota" {
		t.Fatalf("error: %v", err)
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Reason != policy.Quota {
		t.Errorf("rows: %+v", rows)
	}
}

func TestOurRefusalsReachTheCaller(t *testing.T) {
	client, stack, server := setup(t, llmtest.Config{}, policy.Policy{})
	ctx := policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.000001")))
	_, err := client.CreateChatCompletion(ctx, ask("gpt-5", "Who refuses?"))
	var refusal *middleware.Error
	if !errors.As(err, &refusal) || !errors.Is(err, middleware.ErrCost) {
		t.Fatalf("error: %v", err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests reached the provider", n)
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Refused || rows[0].Attempt != 0 {
		t.Errorf("rows: %+v", rows)
	}
}

func TestContextReachesTheWire(t *testing.T) {
	client, stack, server := setup(t, llmtest.Config{}, policy.Policy{})
	ctx, call := policy.Track(t.Context())
	ctx = policy.With(ctx, policy.OnTier(policy.Priority), policy.Tag("tenant", "acme"), policy.FinishBy(time.Now().Add(time.Minute)))
	if _, err := client.CreateChatCompletion(ctx, ask("gpt-5", "Who tells?")); err != nil {
		t.Fatal(err)
	}
	if got := server.Requests()[0].Tier; got != "priority" {
		t.Errorf("tier on the wire: %q", got)
	}
	row := stack.Rows()[0]
	if row.Tags["tenant"] != "acme" {
		t.Errorf("tags: %v", row.Tags)
	}
	cost, complete := call.Cost()
	if call.Attempts() != 1 || call.Tier() != policy.Priority || call.Err() != nil || !complete || cost.String() != row.Cost.String() {
		t.Errorf("tracked: %d attempts, tier %q, cost %v, err %v; row: %+v", call.Attempts(), call.Tier(), cost, call.Err(), row)
	}
}
