package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// The faces of the simulated provider.
const (
	openAIURL    = "http://api.openai.com/v1"
	anthropicURL = "http://api.anthropic.com/v1"
	geminiURL    = "http://generativelanguage.googleapis.com/v1beta"
)

// numbered says which call a context's calls are, by tags of which there are few: a store's totals keep so many groups
// and no more.
func numbered(ctx context.Context, n int) context.Context {
	return policy.With(ctx, policy.Tag("thousand", strconv.Itoa(n/1000)), policy.Tag("of", strconv.Itoa(n%1000)))
}

// numberOf is the number that numbered gave a call.
func numberOf(tags map[string]string) int {
	thousand, _ := strconv.Atoi(tags["thousand"])
	of, _ := strconv.Atoi(tags["of"])
	return 1000*thousand + of
}

// A traffic is many calls of all kinds, by one client.
type traffic struct {
	client *http.Client

	mu     sync.Mutex
	caches []string        // that were created
	unsure map[string]bool // caches without the answer that says how long they are kept
}

// call makes the n-th call, of some kind, and reads the answer, or leaves it.
func (f *traffic) call(ctx context.Context, n int, random *rand.Rand) {
	ctx, cancel := context.WithTimeout(numbered(ctx, n), time.Duration(1+random.IntN(40))*time.Minute)
	defer cancel()
	prompt := fmt.Sprintf("call-%d. %s", n, strings.Repeat("again ", random.IntN(400)))
	stream := random.IntN(2) == 0
	leave := 0
	if random.IntN(12) == 0 {
		leave = 1 + random.IntN(600)
	}
	switch random.IntN(12) {
	case 0, 1, 2:
		model := []string{"gpt-5-mini", "gpt-5", "gpt-4o", "gpt-0-unheard-of"}[random.IntN(4)]
		f.do(ctx, http.MethodPost, openAIURL+"/chat/completions", leave,
			fmt.Sprintf(`{"model":%q,"max_completion_tokens":500,"stream":%v,"messages":[{"role":"user","content":%q}]}`, model, stream, prompt))
	case 3:
		f.do(ctx, http.MethodPost, openAIURL+"/responses", leave,
			fmt.Sprintf(`{"model":"gpt-5-mini","max_output_tokens":500,"stream":%v,"input":%q}`, stream, prompt))
	case 4:
		f.background(ctx, prompt)
	case 5:
		f.do(ctx, http.MethodPost, openAIURL+"/embeddings", 0, fmt.Sprintf(`{"model":"text-embedding-3-small","input":%q}`, prompt))
	case 6, 7:
		f.do(ctx, http.MethodPost, anthropicURL+"/messages", leave,
			fmt.Sprintf(`{"model":"claude-sonnet-4-5","max_tokens":500,"stream":%v,"messages":[{"role":"user","content":%q}]}`, stream, prompt))
	case 8, 9:
		f.gemini(ctx, "", prompt, stream, leave)
	case 10:
		if name := f.anyCache(random); name != "" {
			f.gemini(ctx, name, prompt, stream, leave)
		}
	default:
		f.cache(ctx, prompt, random)
	}
}

// do makes a request, and returns its answer if that was read in full, or else the status 0. leave is after how many bytes
// it is left instead; 0: never.
func (f *traffic) do(ctx context.Context, method, url string, leave int, body string) (status int, answer []byte) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if leave > 0 {
		io.ReadFull(resp.Body, make([]byte, leave))
		return 0, nil
	}
	if answer, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}
	return resp.StatusCode, answer
}

// background starts a response, and fetches it later, twice.
func (f *traffic) background(ctx context.Context, prompt string) {
	_, answer := f.do(ctx, http.MethodPost, openAIURL+"/responses", 0,
		fmt.Sprintf(`{"model":"gpt-5-mini","max_output_tokens":500,"background":true,"input":%q}`, prompt))
	var response struct{ ID string }
	if json.Unmarshal(answer, &response) != nil || response.ID == "" {
		return
	}
	for range 2 {
		time.Sleep(40 * time.Second)
		f.do(ctx, http.MethodGet, openAIURL+"/responses/"+response.ID, 0, "")
	}
}

func (f *traffic) gemini(ctx context.Context, cache, prompt string, stream bool, leave int) {
	method := "generateContent"
	if stream {
		method = "streamGenerateContent?alt=sse"
	}
	named := ""
	if cache != "" {
		named = fmt.Sprintf(`"cachedContent":%q,`, cache)
	}
	f.do(ctx, http.MethodPost, geminiURL+"/models/gemini-2.5-flash:"+method, leave,
		fmt.Sprintf(`{%s"generationConfig":{"maxOutputTokens":500},"contents":[{"role":"user","parts":[{"text":%q}]}]}`, named, prompt))
}

// cache creates a context cache, or prolongs or deletes one that is there.
func (f *traffic) cache(ctx context.Context, prompt string, random *rand.Rand) {
	lived := fmt.Sprintf(`"ttl":"%ds"`, 60+random.IntN(7200))
	name := ""
	if random.IntN(3) > 0 {
		name = f.takeCache(random)
	}
	switch {
	case name == "":
		_, answer := f.do(ctx, http.MethodPost, geminiURL+"/cachedContents", 0, fmt.Sprintf(
			`{"model":"models/gemini-2.5-flash",%s,"contents":[{"role":"user","parts":[{"text":%q}]}]}`,
			lived, prompt+strings.Repeat("word", 1200+random.IntN(2000))))
		var made struct{ Name string }
		if json.Unmarshal(answer, &made) == nil && made.Name != "" {
			f.putCache(made.Name, true)
		}
	case random.IntN(4) > 0:
		status, _ := f.do(ctx, http.MethodPatch, geminiURL+"/"+name+"?updateMask=ttl", 0, "{"+lived+"}")
		f.putCache(name, 200 <= status && status < 500)
	default:
		// The provider and we do not see it end at the same instant.
		f.putCache(name, false)
		f.do(ctx, http.MethodDelete, geminiURL+"/"+name, 0, "")
	}
}

// anyCache returns one of the latest caches, or none.
func (f *traffic) anyCache(random *rand.Rand) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.caches) == 0 {
		return ""
	}
	return f.caches[len(f.caches)-1-random.IntN(min(20, len(f.caches)))]
}

// takeCache removes one from the list, so that no other call changes it at the same time.
func (f *traffic) takeCache(random *rand.Rand) string {
	name := f.anyCache(random)
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.Index(f.caches, name)
	if i < 0 {
		return ""
	}
	f.caches = slices.Delete(f.caches, i, i+1)
	return name
}

// putCache puts it back, or records that it is not certain how long it is kept.
func (f *traffic) putCache(name string, sure bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sure {
		f.caches = append(f.caches, name)
	} else {
		f.unsure[name] = true
	}
}

// weather returns the config of a provider that often fails. What a request meets depends on the seed and its number.
func weather(seed uint64) llmtest.Config {
	faults := []llmtest.Fault{
		llmtest.ResetBeforeAccept, llmtest.ResetAfterAccept, llmtest.CutStream, llmtest.ErrorInStream, llmtest.ServerError,
		llmtest.ServerErrorAfterWork, llmtest.Overloaded, llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.FlexUnavailable,
		llmtest.BadRequest, llmtest.Stall, llmtest.EarlyRateLimited, llmtest.StaleClose, llmtest.Slow, llmtest.RedirectSame,
		llmtest.RedirectAway, llmtest.TrickledError, llmtest.ShouldRetryFalse,
	}
	const percent = 12
	return llmtest.Config{
		Flex: llmtest.Probability(30, seed), FlexModels: []string{"gpt-5", "gpt-5-mini", "gemini-2.5-flash"}, CachedPercent: 40,
		Latency: time.Second, ChunkDelay: time.Second, BackgroundDelay: 30 * time.Second, Seed: seed,
		Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
			draw := rand.New(rand.NewPCG(seed, uint64(n)))
			if draw.IntN(100) >= percent {
				return llmtest.NoFault
			}
			return faults[draw.IntN(len(faults))]
		}),
		RefuseDials: func(n int) bool { return rand.New(rand.NewPCG(seed^1, uint64(n))).IntN(100) < percent },
	}
}
