package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A learnFace is one of the endpoints of the simulated provider, with a request of about a hundred tokens.
type learnFace struct {
	name, url, body string
	config          llmtest.Config
	unit            string // of the level that is learned
	limit           int64
}

var learnFaces = []learnFace{
	{"OpenAI", "https://api.openai.com/v1/chat/completions", `{"model":"gpt-5-mini","max_tokens":100,"messages":[{"role":"user","content":"%s"}]}`,
		llmtest.Config{TokensPerMinute: 3000}, "tokens per minute", 3000},
	{"OpenAI's requests", "https://api.openai.com/v1/chat/completions", `{"model":"gpt-5-mini","max_tokens":100,"messages":[{"role":"user","content":"%s"}]}`,
		llmtest.Config{RequestsPerMinute: 30}, "requests per minute", 30},
	{"Azure", "https://r.openai.azure.com/openai/v1/chat/completions", `{"model":"gpt-5-mini","max_tokens":100,"messages":[{"role":"user","content":"%s"}]}`,
		llmtest.Config{TokensPerMinute: 6000}, "tokens per minute", 6000},
	{"Anthropic", "https://api.anthropic.com/v1/messages", `{"model":"claude-sonnet-5","max_tokens":100,"messages":[{"role":"user","content":"%s"}]}`,
		llmtest.Config{InputTokensPerMinute: 3000}, "input tokens per minute", 3000},
	{"Groq", "https://api.groq.com/openai/v1/chat/completions", `{"model":"llama","max_tokens":100,"messages":[{"role":"user","content":"%s"}]}`,
		llmtest.Config{TokensPerMinute: 6000}, "tokens per minute", 6000},
	{"Gemini", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent", `{"contents":[{"role":"user","parts":[{"text":"%s"}]}]}`,
		llmtest.Config{TokensPerMinute: 3000}, "input tokens per minute", 3000},
}

// Of ten minutes of calls that want twice the limit, next to none sees a 429, and the limit is used. Nothing is configured.
func TestLearnsLimits(t *testing.T) {
	for _, face := range learnFaces {
		t.Run(face.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider := llmtest.NewPipe(face.config)
				defer provider.Close()
				stack, err := middleware.New(middleware.WithBase(provider.Transport()),
					middleware.WithPolicy(policy.Policy{Limits: []policy.Limit{{Learn: true}}}))
				if err != nil {
					t.Fatal(err)
				}
				answered := face.press(t, stack.Client())
				a := provider.Admissions()
				if v := learnedLevel(stack.Limits(), face.unit); v.Limit != face.limit || !v.Learned {
					t.Errorf("%+v", stack.Limits())
				}
				rejected := 0
				for _, n := range a.Rejected {
					rejected += n
				}
				if face.limit >= 3000 && a.Tokens < 10*face.limit*95/100 || face.limit < 3000 && int64(a.Admitted) < 10*face.limit*95/100 {
					t.Errorf("%d attempts and %d tokens in ten minutes", a.Admitted, a.Tokens)
				}
				if rejected > 5+answered/50 {
					t.Errorf("%d of %d attempts were rejected", rejected, rejected+a.Admitted)
				}
			})
		})
	}
}

// press makes calls for ten minutes, from many goroutines.
func (f *learnFace) press(t *testing.T, client *http.Client) (answered int) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	end := time.Now().Add(10 * time.Minute)
	for worker := range 40 {
		all.Go(func() {
			time.Sleep(time.Duration(worker) * 50 * time.Millisecond)
			for n := 0; time.Now().Before(end); n++ {
				prompt := strings.Repeat("word ", 70) + fmt.Sprint(worker, n)
				resp, err := client.Post(f.url, "application/json", strings.NewReader(fmt.Sprintf(f.body, prompt)))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				mu.Lock()
				switch resp.StatusCode {
				case http.StatusOK:
					answered++
				case http.StatusTooManyRequests:
				default:
					t.Errorf("status %d", resp.StatusCode)
				}
				mu.Unlock()
				if resp.StatusCode == http.StatusTooManyRequests {
					time.Sleep(time.Second)
				}
			}
		})
	}
	all.Wait()
	return answered
}

// learnedLevel returns a level of one of the limits; the zero Level if there is none.
func learnedLevel(states []limit.State, unit string) limit.Level {
	for _, s := range states {
		for _, v := range s.Levels {
			if v.Unit == unit {
				return v
			}
		}
	}
	return limit.Level{}
}
