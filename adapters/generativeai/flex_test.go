package generativeai_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/generative-ai-go/genai"
	"github.com/googleapis/gax-go/v2/callctx"

	"github.com/skinflint-go/skinflint/adapters/generativeai"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Google's servers wait 10 minutes for flex unless X-Server-Timeout says more.
func TestServerTimeout(t *testing.T) {
	client, _, server := setup(t, llmtest.Config{}, flexFirst)
	model := client.GenerativeModel(flash)
	ctx, cancel := generativeai.FlexContext(t.Context())
	defer cancel()
	own := callctx.SetHeaders(ctx, "x-server-timeout", "900")
	for _, ctx := range []context.Context{ctx, own, t.Context()} {
		if _, err := model.GenerateContent(ctx, genai.Text("How long?")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := model.GenerateContentStream(t.Context(), genai.Text("How long?")).Next(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1800", "900", "600", "900"} {
		if got := strings.Join(server.Requests()[i].Header.Values("X-Server-Timeout"), ","); got != want {
			t.Errorf("request %d: X-Server-Timeout %q, want %q", i, got, want)
		}
	}
}

func TestFlexDeadline(t *testing.T) {
	for _, c := range []struct {
		name      string
		tier      policy.Tier
		within    func(context.Context) (context.Context, context.CancelFunc)
		after     time.Duration
		explained bool
	}{
		{"the SDK's own", policy.Flex, context.WithCancel, 10 * time.Minute, true},
		{"standard", policy.Standard, context.WithCancel, 10 * time.Minute, false},
		{"FlexContext", policy.Flex, generativeai.FlexContext, generativeai.FlexTimeout, false},
		{"the program's", policy.Flex, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, 12*time.Minute)
			inner, stop := generativeai.FlexContext(ctx)
			return inner, func() { stop(); cancel() }
		}, 12 * time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := new(later)
			client, stack := over(t, base, policy.Policy{Tier: c.tier})
			synctest.Test(t, func(t *testing.T) {
				server := llmtest.NewPipe(llmtest.Config{Faults: always(llmtest.Stall)})
				defer server.Close()
				base.RoundTripper = server.Transport()
				ctx, cancel := c.within(context.WithoutCancel(t.Context()))
				defer cancel()
				start := time.Now()
				_, err := client.GenerativeModel(flash).GenerateContent(ctx, genai.Text("Who is late?"))
				var e *generativeai.FlexDeadlineError
				if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) != c.explained || time.Since(start) != c.after {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
				if e != nil && (!e.Timeout() || e.Temporary() || !strings.Contains(err.Error(), "FlexContext")) {
					t.Errorf("%v", err)
				}
				if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Ambiguous {
					t.Errorf("rows: %+v", rows)
				}
			})
		})
	}
}

func ExampleFlexContext() {
	ctx, cancel := generativeai.FlexContext(context.Background())
	defer cancel()
	deadline, _ := ctx.Deadline()
	fmt.Println(time.Until(deadline).Round(time.Minute))

	// A deadline of the program's own counts.
	hurried, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	ctx, cancel = generativeai.FlexContext(hurried)
	defer cancel()
	deadline, _ = ctx.Deadline()
	fmt.Println(time.Until(deadline).Round(time.Minute))
	// Output:
	// 30m0s
	// 2m0s
}
