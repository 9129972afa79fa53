package middleware_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A warnings is a log of warnings, for concurrent use.
type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *warnings) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *warnings) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// of returns the lines that have all of the texts.
func (w *warnings) of(texts ...string) (lines []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
next:
	for line := range strings.Lines(w.text.String()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue next
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// tierWarning is in the line that says that calls do not ask for a tier.
const tierWarning = "calls do not ask for a tier"

// A call with too little time for flex is sent on standard. Each row says why, and the log once an hour for each model.
func TestFlexIsSkippedForWantOfTime(t *testing.T) {
	ownFlex := `{"service_tier":"flex",` + chatBody[1:]
	for name, test := range map[string]struct {
		body    string
		policy  policy.Policy
		ctx     func(context.Context) (context.Context, context.CancelFunc)
		timeout time.Duration // of the http.Client
		skipped string
	}{
		"a context's deadline": {chatBody, flexFirst, lasting(45 * time.Second), 0, "flex: 45s left, it needs 1m0s"},
		"just too short":       {chatBody, flexFirst, lasting(time.Minute - time.Nanosecond), 0, "flex: 59s left, it needs 1m0s"},
		"less than a second":   {chatBody, flexFirst, lasting(300 * time.Millisecond), 0, "flex: 300ms left, it needs 1m0s"},
		"FinishBy": {chatBody, flexFirst, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return policy.With(ctx, policy.FinishBy(time.Now().Add(20*time.Second))), func() {}
		}, 0, "flex: 20s left, it needs 1m0s"},
		"the http.Client's timeout": {chatBody, flexFirst, nil, 30 * time.Second, "flex: 30s left, it needs 1m0s"},
		"the body's own tier":       {ownFlex, policy.Policy{Fallback: policy.Standard}, lasting(45 * time.Second), 0, "flex: 45s left, it needs 1m0s"},
		"a minimum of one's own": {chatBody, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, FlexMinimum: 10 * time.Minute},
			lasting(5 * time.Minute), 0, "flex: 5m0s left, it needs 10m0s"},
		"time enough":        {chatBody, flexFirst, lasting(time.Minute), 0, ""},
		"no other tier":      {chatBody, policy.Policy{Tier: policy.Flex}, lasting(45 * time.Second), 0, ""},
		"another tier first": {chatBody, policy.Policy{Tier: policy.Priority, Fallback: policy.Flex}, lasting(45 * time.Second), 0, ""},
		"no tier":            {chatBody, policy.Policy{}, lasting(45 * time.Second), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log warnings
			inWorld(t, llmtest.Config{}, test.policy, func(w *world) {
				w.client.Timeout = test.timeout
				calls := func(body string) {
					for range 3 {
						ctx, cancel := w.Context(), func() {}
						if test.ctx != nil {
							ctx, cancel = test.ctx(ctx)
						}
						if status, _, err := w.call(ctx, body); status != 200 || err != nil {
							w.Fatal(status, err)
						}
						cancel()
					}
				}
				calls(test.body)
				for i, row := range w.stack.Rows() {
					if row.Skipped != test.skipped || test.skipped != "" && (row.AskedTier != policy.Standard || w.provider.Requests()[i].Tier != "default") {
						w.Errorf("row %d: skipped %q, asked for %q", i, row.Skipped, row.AskedTier)
					}
				}
				want := min(1, len(test.skipped))
				if got := log.of(tierWarning, "tier=flex", "left, it needs", "model=gpt-5", "FlexMinimum"); len(got) != want {
					w.Errorf("logged %q", got)
				}
				calls(strings.Replace(test.body, `"gpt-5"`, `"gpt-5-mini"`, 1))
				if got := log.of(tierWarning); len(got) != 2*want {
					w.Errorf("two models, logged %q", got)
				}
				time.Sleep(time.Hour)
				calls(test.body)
				if got := log.of(tierWarning); len(got) != 3*want {
					w.Errorf("an hour later, logged %q", got)
				}
			}, middleware.WithLogger(log.logger()))
		})
	}
}

// lasting returns a func that gives a context so much time.
func lasting(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
}

// A limit may take the time that flex needs.
func TestFlexIsSkippedAfterALimit(t *testing.T) {
	slow := flexFirst
	slow.Limits = []policy.Limit{{RequestsPerMinute: 3, Burst: 1}}
	inWorld(t, llmtest.Config{}, slow, func(w *world) {
		ctx, cancel := context.WithTimeout(w.Context(), 75*time.Second)
		defer cancel()
		for range 2 {
			if status, _, err := w.call(ctx, chatBody); status != 200 || err != nil {
				w.Fatal(status, err)
			}
		}
		w.wantRows("1 flex billed", "1 standard billed")
		if rows := w.stack.Rows(); rows[0].Skipped != "" || rows[1].Skipped != "flex: 55s left, it needs 1m0s" {
			w.Errorf("skipped %q, then %q", rows[0].Skipped, rows[1].Skipped)
		}
	})
}

// So may the waits for capacity on flex.
func TestFlexIsSkippedAfterAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log warnings
		p := flexFirst
		p.Patience, p.BackoffBase, p.BackoffMax = time.Minute, 2*time.Second, 2*time.Second
		full := says(429, jsonType, `{"error":{"code":"resource_unavailable","type":"invalid_request_error","message":"no capacity"}}`)
		stack := stackOver(t, newScript(full, says(200, jsonType, served)), p, middleware.WithLogger(log.logger()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := chat(t, ctx, stack, chatBody); err != nil {
			t.Fatal(err)
		}
		rows := stack.Rows()
		if len(rows) != 2 || rows[0].AskedTier != policy.Flex || rows[0].Skipped != "" || rows[1].AskedTier != policy.Standard ||
			!strings.HasPrefix(rows[1].Skipped, "flex: 5") || !strings.HasSuffix(rows[1].Skipped, "s left, it needs 1m0s") {
			t.Errorf("%+v", rows)
		}
		if got := log.of(tierWarning, "tier=flex"); len(got) != 1 {
			t.Errorf("logged %q", got)
		}
		stack.Close(context.Background())
	})
}

// While it is remembered that a model rejects a tier, rows and log say so.
func TestRejectedTierIsSaid(t *testing.T) {
	var log warnings
	inWorld(t, llmtest.Config{FlexModels: []string{"o3"}}, flexFirst, func(w *world) {
		for range 3 {
			if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		var got []string
		for _, row := range w.stack.Rows() {
			got = append(got, fmt.Sprintf("%d %s %q", row.Attempt, row.AskedTier, row.Skipped))
		}
		const want = `1 flex "", 2 standard "", 1 standard "flex: rejected by this model", 1 standard "flex: rejected by this model"`
		if strings.Join(got, ", ") != want {
			t.Errorf("got %s", got)
		}
		if got := log.of(tierWarning, "rejected by this model"); len(got) != 1 {
			t.Errorf("logged %q", got)
		}
	}, middleware.WithLogger(log.logger()))
}

// A call that takes no tier, or not this one, is sent without it. The row says so. The log says so if the context asks for
// the tier, and if the tier is missing because the body cannot be changed.
func TestTierThatACallDoesNotTake(t *testing.T) {
	const none, other = ": this call takes no service tier", ": this call does not take this tier"
	batch := `{"input_file_id":"f","endpoint":"/v1/chat/completions"}`
	for name, test := range map[string]struct {
		url, body string
		tier      policy.Tier
		encoding  string
		skipped   string
		logged    bool // although only the policy asks for the tier
	}{
		"embeddings":             {"https://api.openai.com/v1/embeddings", `{"model":"text-embedding-3-small","input":"x"}`, policy.Flex, "", "flex" + none, false},
		"images":                 {"https://api.openai.com/v1/images/generations", `{"model":"gpt-image-1","prompt":"x"}`, policy.Flex, "", "flex" + none, false},
		"Mistral":                {"https://api.mistral.ai/v1/chat/completions", `{"model":"mistral-small"}`, policy.Flex, "", "flex" + none, false},
		"Anthropic's messages":   {"https://api.anthropic.com/v1/messages", `{"model":"claude-opus-4-1","max_tokens":9}`, policy.Priority, "", "priority" + none, false},
		"Vertex AI, regional":    {strings.Replace(vertexURL, "global", "europe-west1", 1), `{}`, policy.Flex, "", "flex" + none, false},
		"a tier that it has not": {"https://api.x.ai/v1/chat/completions", `{"model":"grok-4"}`, policy.Flex, "", "flex" + other, false},
		"a batch":                {"https://api.openai.com/v1/batches", batch, policy.Flex, "", "flex" + none, false},
		"an unknown operation":   {"https://api.openai.com/v1/audio/speech", `{"model":"tts-1"}`, policy.Flex, "", "flex" + none, false},
		"a body in a code":       {openaiURL, "\x1f\x8b", policy.Flex, "gzip", "content-encoding", true},
		"a call that takes it":   {openaiURL, chatBody, policy.Flex, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, explicit := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					var log warnings
					p := policy.Policy{Tier: test.tier}
					ctx := t.Context()
					if explicit {
						p, ctx = policy.Policy{}, policy.With(ctx, policy.OnTier(test.tier))
					}
					stack := stackOver(t, newScript(says(200, jsonType, `{}`)), p, middleware.WithLogger(log.logger()))
					for range 2 {
						req, err := http.NewRequestWithContext(ctx, http.MethodPost, test.url, strings.NewReader(test.body))
						if err != nil {
							t.Fatal(err)
						}
						if test.encoding != "" {
							req.Header.Set("Content-Encoding", test.encoding)
						}
						resp, err := stack.RoundTrip(req)
						if err != nil {
							t.Fatal(err)
						}
						drain(resp)
					}
					for _, row := range stack.Rows() {
						if row.Skipped != test.skipped {
							t.Errorf("explicit %v: skipped %q", explicit, row.Skipped)
						}
					}
					want := 0
					if test.skipped != "" && (explicit || test.logged) {
						want = 1
					}
					if got := log.of(tierWarning, "tier="+string(test.tier)); len(got) != want || len(stack.Rows()) != 2 {
						t.Errorf("explicit %v: %d rows, logged %q", explicit, len(stack.Rows()), got)
					}
					stack.Close(context.Background())
				})
			}
		})
	}
}

// A stream whose usage is not asked for says why. It is not said where the caller asks for it, or wants streams left alone.
func TestUsageThatIsNotAskedFor(t *testing.T) {
	own := strings.Replace(streamBody, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
	for name, test := range map[string]struct {
		body     string
		policy   policy.Policy
		encoding string
		want     []string // of the rows
	}{
		"asked for":             {streamBody, policy.Policy{}, "", []string{""}},
		"an encoding":           {streamBody, policy.Policy{}, "gzip", []string{"usage: the request sets Accept-Encoding"}},
		"by the caller":         {own, policy.Policy{}, "gzip", []string{""}},
		"no stream":             {chatBody, policy.Policy{}, "gzip", []string{""}},
		"streams are left":      {streamBody, policy.Policy{LeaveStreams: true}, "gzip", []string{""}},
		"beside a missing tier": {streamBody, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, FlexMinimum: time.Hour}, "gzip", []string{"flex: 50m0s left, it needs 1h0m0s; usage: the request sets Accept-Encoding"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, llmtest.Config{}, test.policy, func(w *world) {
				ctx, cancel := context.WithTimeout(w.Context(), 50*time.Minute)
				defer cancel()
				req := w.request(ctx, test.body)
				if test.encoding != "" {
					req.Header.Set("Accept-Encoding", test.encoding)
				}
				resp, err := w.client.Do(req)
				if err != nil {
					w.Fatal(err)
				}
				drain(resp)
				for i, row := range w.stack.Rows() {
					if row.Skipped != test.want[i] {
						w.Errorf("row %d: %q", i, row.Skipped)
					}
				}
			})
		})
	}
}
