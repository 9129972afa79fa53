package llmtest_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// words is a prompt of so many tokens, about.
func words(tokens int) string { return strings.Repeat("abcd", tokens) }

// reply is a Reply that uses so many tokens.
func reply(prompt, completion int64) func(llmtest.Turn) llmtest.Reply {
	return func(llmtest.Turn) llmtest.Reply {
		return llmtest.Reply{Text: "yes", Usage: &llmtest.Usage{Prompt: prompt, Completion: completion}}
	}
}

// Each provider rejects in its own words, and its headers show the limits.
func TestTokenLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg    llmtest.Config
		url    string
		body   string // twice: the second one is rejected
		status int
		says   string
		header map[string]string // of the first response
	}{
		"OpenAI": {
			llmtest.Config{TokensPerMinute: 1000}, chatPath, body("hi", `"max_tokens":600`), 429,
			`on tokens per min (TPM): Limit 1000, Used 600, Requested 600. Please try again in 12s. Visit`,
			map[string]string{"x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "400", "x-ratelimit-reset-tokens": "36s"},
		},
		"OpenAI, too large": {
			llmtest.Config{TokensPerMinute: 1000, RequestsPerMinute: 1}, chatPath, body("hi", `"max_tokens":1001`), 429,
			`Request too large for gpt-5-mini in organization org-llmtest on tokens per min (TPM): Limit 1000, Requested 1001. The input or output tokens must be reduced`, nil,
		},
		"OpenAI, a day": {
			llmtest.Config{RequestsPerDay: 1}, chatPath, body("hi"), 429,
			`on requests per day (RPD): Limit 1, Used 1, Requested 1. Please try again in 24h0m0s.`,
			map[string]string{"x-ratelimit-limit-requests": "1", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "24h0m0s"},
		},
		"OpenAI, tokens of a day": {
			llmtest.Config{TokensPerDay: 100}, chatPath, body("hi", `"max_tokens":60`), 429,
			`on tokens per day (TPD): Limit 100, Used 60, Requested 60. Please try again in 4h48m0s.`, nil,
		},
		"Azure": {
			llmtest.Config{TokensPerMinute: 1000}, azureURL, body("hi", `"max_tokens":600`), 429,
			`have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 13 seconds.`,
			map[string]string{"x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "392"},
		},
		"Azure, the newer API": {
			llmtest.Config{TokensPerMinute: 1000}, azureV1 + "/chat/completions", body("hi", `"max_tokens":600`), 429,
			`"code":"RateLimitReached"`,
			map[string]string{"x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "392", "x-ratelimit-reset-tokens": "37", "x-ratelimit-renewalperiod-tokens": "60"},
		},
		"Anthropic, input": {
			llmtest.Config{InputTokensPerMinute: 1000}, "/v1/messages", message(words(600)), 429,
			`rate limit of 1,000 input tokens per minute (org: org-llmtest, model:`,
			map[string]string{"anthropic-ratelimit-input-tokens-limit": "1000", "anthropic-ratelimit-tokens-limit": ""},
		},
		"Anthropic, output": {
			llmtest.Config{OutputTokensPerMinute: 50, TokensPerMinute: 9000, Reply: reply(9, 60)}, "/v1/messages", message("hi"), 429,
			`rate limit of 50 output tokens per minute`,
			map[string]string{"anthropic-ratelimit-output-tokens-limit": "50", "anthropic-ratelimit-output-tokens-remaining": "50", "anthropic-ratelimit-tokens-limit": "9000"},
		},
		"Groq": {
			llmtest.Config{TokensPerMinute: 1000, RequestsPerDay: 10}, groqURL, body(words(700)), 429,
			"service tier `on_demand` on tokens per minute (TPM): Limit 1000, Used ",
			map[string]string{"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "2h24m0s", "x-ratelimit-limit-tokens": "1000"},
		},
		"Groq, too large": {
			llmtest.Config{TokensPerMinute: 100, RequestsPerMinute: 1}, groqURL, body(words(700)), 413,
			"Request too large for model `gpt-5-mini` in organization `org_llmtest` service tier `on_demand` on tokens per minute (TPM): Limit 100, Requested 7", nil,
		},
		"Gemini": {
			llmtest.Config{TokensPerMinute: 1000}, geminiPath, contents(words(700)), 429,
			`GenerateContentPaidTierInputTokensPerModelPerMinute`, nil,
		},
		"Gemini, the free tier's day": {
			llmtest.Config{RequestsPerDay: 1, FreeTier: true}, geminiPath, contents("hi"), 429,
			`GenerateRequestsPerDayPerProjectPerModel-FreeTier`, nil,
		},
		"Vertex": {
			llmtest.Config{TokensPerMinute: 1000}, "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent", contents(words(700)), 429,
			`Resource exhausted. Please try again later.`, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, tt.cfg, func(t *testing.T, srv *llmtest.Server) {
				if tt.header != nil || !strings.Contains(name, "too large") {
					checkHeaders(t, mustDo(t, srv, "POST", tt.url, tt.body, 200).header, tt.header)
				}
				a := mustDo(t, srv, "POST", tt.url, tt.body, tt.status)
				if !strings.Contains(string(a.body), tt.says) {
					t.Errorf("got %s\nwant %s", a.body, tt.says)
				}
				if strings.Contains(name, "too large") && a.header.Get("Retry-After") != "" {
					t.Errorf("Retry-After %s", a.header.Get("Retry-After"))
				}
			})
		})
	}
}

// A reservation counts whatever is used. What is settled counts what is used, when it has been generated.
func TestCounting(t *testing.T) {
	for _, tt := range []struct {
		url, body string
		counting  llmtest.Counting
		want      int64 // tokens of one request with max_tokens of 500 and a prompt of 8, which uses 9 and 60
	}{
		{chatPath, body("hi", `"max_tokens":500`), llmtest.AsDocumented, 500}, // the larger one
		{chatPath, body("hi", `"max_tokens":500`), llmtest.Settling, 69},
		{azureURL, body("hi", `"max_tokens":500`), llmtest.AsDocumented, 508},
		{azureURL, body("hi", `"max_tokens":500`), llmtest.Settling, 69},
		{"/v1/messages", message("hi"), llmtest.AsDocumented, 69},
		{groqURL, body("hi", `"max_tokens":500`), llmtest.AsDocumented, 69},
		{groqURL, body("hi", `"max_tokens":500`), llmtest.Reserving, 508},
		{geminiPath, contents("hi"), llmtest.AsDocumented, 9},
	} {
		t.Run(fmt.Sprint(tt.url, tt.counting), func(t *testing.T) {
			inBubble(t, llmtest.Config{TokensPerMinute: 10_000, Counting: tt.counting, Reply: reply(9, 60)}, func(t *testing.T, srv *llmtest.Server) {
				mustDo(t, srv, "POST", tt.url, tt.body, 200)
				synctest.Wait()
				if got := srv.Admissions().Tokens; got != tt.want {
					t.Errorf("%d tokens, want %d", got, tt.want)
				}
			})
		})
	}
}

// A request that fails before the work counts its tokens only where they are reserved.
func TestCountingOfFailures(t *testing.T) {
	for counting, want := range map[llmtest.Counting]int64{llmtest.Reserving: 500, llmtest.Settling: 0} {
		inBubble(t, llmtest.Config{TokensPerMinute: 10_000, Counting: counting}, func(t *testing.T, srv *llmtest.Server) {
			mustDo(t, srv, "POST", chatPath, `{"model":"missing","messages":[],"max_tokens":500}`, 404)
			synctest.Wait()
			if got := srv.Admissions().Tokens; got != want {
				t.Errorf("%v: %d tokens, want %d", counting, got, want)
			}
		})
	}
}

// Google's day ends at midnight, Pacific time. A bubble begins at 16:00 of that.
func TestPacificDay(t *testing.T) {
	inBubble(t, llmtest.Config{RequestsPerDay: 2}, func(t *testing.T, srv *llmtest.Server) {
		for range 2 {
			mustDo(t, srv, "POST", geminiPath, contents("hi"), 200)
		}
		mustDo(t, srv, "POST", geminiPath, contents("hi"), 429)
		time.Sleep(7*time.Hour + 59*time.Minute)
		mustDo(t, srv, "POST", geminiPath, contents("hi"), 429)
		time.Sleep(2 * time.Minute)
		mustDo(t, srv, "POST", geminiPath, contents("hi"), 200)
	})
}

func TestConcurrency(t *testing.T) {
	bothBubbles(t, llmtest.Config{Concurrency: 2, Latency: time.Second, ChunkDelay: time.Second}, func(t *testing.T, srv *llmtest.Server) {
		statuses := make(chan int, 3)
		for _, b := range []string{body("1"), body("2", `"stream":true`), body("3")} {
			go func() { statuses <- do(t.Context(), srv, "POST", chatPath, b).status }()
			synctest.Wait()
		}
		counts := map[int]int{}
		for range 3 {
			counts[<-statuses]++
		}
		if !maps.Equal(counts, map[int]int{200: 2, 429: 1}) {
			t.Errorf("%v", counts)
		}
		for range 20 { // each one has left before its response is complete
			mustDo(t, srv, "POST", chatPath, body("4"), 200)
			mustDo(t, srv, "POST", chatPath, body("5", `"stream":true`), 200)
		}
		a := srv.Admissions()
		if a.Admitted != 42 || a.Rejected[llmtest.LimitConcurrency] != 1 || a.Peak != 2 {
			t.Errorf("%+v", a)
		}
	})
}

// A client that left, and a response that broke off, are no longer worked on.
func TestConcurrencyOfFaults(t *testing.T) {
	faults := llmtest.Sequence(llmtest.CutStream, llmtest.ResetAfterAccept, llmtest.ServerError, llmtest.RateLimited, llmtest.ServerErrorAfterWork)
	inBubble(t, llmtest.Config{Concurrency: 1, Faults: faults}, func(t *testing.T, srv *llmtest.Server) {
		for range 5 {
			_ = do(t.Context(), srv, "POST", chatPath, body("hi"))
			synctest.Wait()
		}
		mustDo(t, srv, "POST", chatPath, body("hi"), 200)
		if a := srv.Admissions(); a.Admitted != 6 || len(a.Rejected) > 0 || a.Peak != 1 {
			t.Errorf("%+v", a)
		}
	})
}

// Never more than the limit and what comes back is counted, however the requests come.
func TestTokenBucket(t *testing.T) {
	const limit = 7000
	inBubble(t, llmtest.Config{TokensPerMinute: limit}, func(t *testing.T, srv *llmtest.Server) {
		start := time.Now()
		for n := range 400 {
			a := do(t.Context(), srv, "POST", chatPath, body("hi", fmt.Sprintf(`"max_tokens":%d`, 100+n*37%900)))
			counted := srv.Admissions().Tokens
			if most := limit + time.Since(start).Minutes()*limit; float64(counted) > most+1 {
				t.Fatalf("%d tokens in %v", counted, time.Since(start))
			}
			if a.status == 429 {
				wait, err := time.ParseDuration(a.header.Get("Retry-After-Ms") + "ms")
				if err != nil || wait <= 0 {
					t.Fatalf("%v %s", a.header, a.body)
				}
				time.Sleep(wait)
			}
		}
		a := srv.Admissions()
		if least := 0.9 * time.Since(start).Minutes() * limit; float64(a.Tokens) < least || a.Rejected[llmtest.LimitTokens] == 0 {
			t.Errorf("%+v in %v", a, time.Since(start))
		}
	})
}

// Absurd limits and requests are counted without a panic.
func TestAbsurdLimits(t *testing.T) {
	for _, limit := range []int64{-1, 1, 1 << 62} {
		cfg := llmtest.Config{TokensPerMinute: limit, InputTokensPerMinute: limit, OutputTokensPerMinute: limit, TokensPerDay: limit, RequestsPerDay: int(limit)}
		inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
			for _, url := range []string{chatPath, groqURL, azureURL} {
				a := do(t.Context(), srv, "POST", url, body("hi", `"max_tokens":9223372036854775807`))
				if a.err != nil || a.status != 200 && a.status != 429 && a.status != http.StatusRequestEntityTooLarge {
					t.Errorf("limit %d: %v %d", limit, a.err, a.status)
				}
			}
		})
	}
}

// OpenAI counts the 400 tokens that a request allows, whatever of them is used. The third request is rejected.
func ExampleServer_Admissions() {
	srv := llmtest.NewPipe(llmtest.Config{RequestsPerMinute: 600, TokensPerMinute: 1000, Concurrency: 8})
	defer srv.Close()

	for range 3 {
		fmt.Println(ask(srv.Client(), srv.URL, `,"max_tokens":400`))
	}
	a := srv.Admissions()
	fmt.Println(a.Admitted, "admitted,", a.Rejected[llmtest.LimitTokens], "rejected,", a.Tokens, "tokens")
	// Output:
	// 200 OK <nil>
	// 200 OK <nil>
	// 429 Too Many Requests <nil>
	// 2 admitted, 1 rejected, 800 tokens
}
