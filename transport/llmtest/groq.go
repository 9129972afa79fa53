package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// groqHost is the host by which Groq is recognised.
const groqHost = "api.groq.com"

// routeGroq returns the face for Groq's chat completions, or nil.
func routeGroq(r *http.Request, path string) face {
	if r.Method == http.MethodPost && strings.HasSuffix(path, "/chat/completions") && hostOf(r) == groqHost {
		return groqChat{}
	}
	return nil
}

// groqChat is Groq's POST .../chat/completions.
type groqChat struct{}

// statusCapacity is Groq's own status for a flex request that exceeds the capacity.
const statusCapacity = 498

func (groqChat) read(x *exchange, body []byte) *flaw {
	f := x.params.readChat(body)
	x.params.provider, x.params.operation = "groq", "chat"
	x.params.servedTier = groqTier(x.params.tier)
	return f
}

// groqTier returns the tier that serves a request for a tier, or "" if that does not
// exist.
func groqTier(tier string) string {
	switch tier {
	case "", "auto", "on_demand":
		return "on_demand"
	case "flex", "performance":
		return tier
	}
	return ""
}

func (c groqChat) vet(x *exchange) *apiError {
	if f := vetStreamOptions(x); f != nil {
		return c.invalid(x, f)
	}
	return nil
}

// groqError is the value of "error". The order of the fields is Groq's.
type groqError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param,omitempty"`
	Code    string `json:"code,omitempty"`
}

func groqFailure(status int, kind, code, message string) *apiError {
	return &apiError{status: status, value: groqError{Message: message, Type: kind, Code: code}}
}

func (groqChat) invalid(_ *exchange, f *flaw) *apiError {
	return &apiError{status: http.StatusBadRequest, value: groqError{
		Message: f.message, Type: "invalid_request_error", Param: f.param, Code: f.code,
	}}
}

func (c groqChat) errorFor(x *exchange, why reason) *apiError {
	switch why {
	case reasonOverloaded:
		return groqFailure(http.StatusServiceUnavailable, "internal_server_error", "",
			x.params.model+" is currently over capacity. Please try again and back off exponentially. "+
				"Visit https://groqstatus.com to see if there is an active incident.")
	case reasonRateLimit:
		return c.rateLimited(x)
	case reasonQuota:
		return groqFailure(http.StatusBadRequest, "invalid_request_error", "blocked_api_access",
			"API access is blocked: the organization has reached its spend limit.")
	case reasonFlexCapacity:
		return groqFailure(statusCapacity, "service_unavailable", "capacity_exceeded",
			"The flex tier is at capacity and the request won't be processed. Please try again later.")
	case reasonFlexModel:
		return c.invalid(x, &flaw{param: "service_tier", message: "service tier `flex` is not available for model `" + x.params.model + "`"})
	case reasonTier:
		return c.invalid(x, &flaw{param: "service_tier", message: "invalid service_tier `" + x.params.tier + "`"})
	case reasonModel:
		return groqFailure(http.StatusNotFound, "invalid_request_error", "model_not_found",
			"The model `"+x.params.model+"` does not exist or you do not have access to it.")
	case reasonScript:
		return c.invalid(x, &flaw{message: rejectedByScript})
	}
	return groqFailure(http.StatusInternalServerError, "internal_server_error", "", "Internal Server Error")
}

// rateLimited returns the 429 of a limit, or a 413 for a request that is larger than the whole limit.
func (groqChat) rateLimited(x *exchange) *apiError {
	a, tier := x.rejected, x.params.servedTier
	if tier == "" {
		tier = "on_demand"
	}
	if a.name == LimitConcurrency {
		return groqFailure(http.StatusTooManyRequests, "requests", "rate_limit_exceeded", tooMany)
	}
	where := fmt.Sprintf("for model `%s` in organization `%s` service tier `%s` on %s: Limit %d, ",
		x.params.model, strings.ReplaceAll(organization, "-", "_"), tier, a.name.abbreviation("minute"), a.limit)
	const upgrade = "Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
	if a.tooLarge {
		return groqFailure(http.StatusRequestEntityTooLarge, a.name.kind(), "rate_limit_exceeded", fmt.Sprintf(
			"Request too large %sRequested %d, please reduce your message size and try again. ", where, a.requested)+upgrade)
	}
	e := groqFailure(http.StatusTooManyRequests, a.name.kind(), "rate_limit_exceeded", fmt.Sprintf(
		"Rate limit reached %sUsed %d, Requested %d. Please try again in %v. ", where, a.used(), a.requested, a.wait)+upgrade)
	e.wait = a.wait
	return e
}

// groqAllowance is what a server without a limit shows: the requests of a day.
var groqAllowance = allowance{name: LimitRequestsPerDay, limit: 14400, remaining: 14399, reset: 6 * time.Second}

// setHeader shows the requests of a day, as Groq does, and the tokens of a minute.
func (groqChat) setHeader(x *exchange, h http.Header, _ int) {
	h.Set("X-Request-Id", x.requestID())
	requests, ok := x.allowances[LimitRequestsPerDay]
	if !ok {
		requests = groqAllowance
	}
	setRateHeader(h, requests, x.shownTokens())
}

// The bodies of Groq's responses. The order of the fields is Groq's.
type (
	groqBody struct {
		ID          string          `json:"id"`
		Object      string          `json:"object"`
		Created     int64           `json:"created"`
		Model       string          `json:"model"`
		Choices     []groqChoice    `json:"choices"`
		Usage       groqUsage       `json:"usage"`
		Breakdown   json.RawMessage `json:"usage_breakdown"`
		Fingerprint string          `json:"system_fingerprint"`
		Groq        groqInfo        `json:"x_groq"`
		Tier        string          `json:"service_tier"`
	}
	groqChoice struct {
		Index    int         `json:"index"`
		Message  groqMessage `json:"message"`
		Logprobs *string     `json:"logprobs"`
		Finish   string      `json:"finish_reason"`
	}
	groqMessage struct {
		Role      string     `json:"role"`
		Content   *string    `json:"content,omitempty"`
		ToolCalls []toolCall `json:"tool_calls,omitempty"`
	}
	groqChunk struct {
		ID          string        `json:"id"`
		Object      string        `json:"object"`
		Created     int64         `json:"created"`
		Model       string        `json:"model"`
		Fingerprint string        `json:"system_fingerprint"`
		Choices     []chunkChoice `json:"choices"`
		Groq        *groqInfo     `json:"x_groq,omitempty"`
		Usage       *groqUsage    `json:"usage,omitempty"`
		Tier        string        `json:"service_tier,omitempty"`
	}
	groqInfo struct {
		ID    string     `json:"id"`
		Seed  int64      `json:"seed,omitempty"`
		Usage *groqUsage `json:"usage,omitempty"`
	}
	groqUsage struct {
		Queued     float64      `json:"queue_time"`
		Prompt     int64        `json:"prompt_tokens"`
		PromptTime float64      `json:"prompt_time"`
		Completion int64        `json:"completion_tokens"`
		Written    float64      `json:"completion_time"`
		Total      int64        `json:"total_tokens"`
		TotalTime  float64      `json:"total_time"`
		In         *groqCached  `json:"prompt_tokens_details,omitempty"`
		Out        *groqThought `json:"completion_tokens_details,omitempty"`
	}
	groqCached struct {
		Cached int64 `json:"cached_tokens"`
	}
	groqThought struct {
		Reasoning int64 `json:"reasoning_tokens"`
	}
)

// groqUsageOf returns the usage of g in Groq's format. The times are those of a machine
// that reads 10,000 and writes 400 tokens per second.
func groqUsageOf(g Generation) *groqUsage {
	read, written := float64(g.Prompt)/10_000, float64(g.Completion)/400
	u := &groqUsage{
		Queued: 0.0625, Prompt: g.Prompt, PromptTime: read, Completion: g.Completion, Written: written,
		Total: g.Prompt + g.Completion, TotalTime: read + written,
	}
	if g.Cached > 0 {
		u.In = &groqCached{g.Cached}
	}
	if g.Reasoning > 0 {
		u.Out = &groqThought{g.Reasoning}
	}
	return u
}

func (c groqChat) work(x *exchange) answer {
	g := x.bill("chatcmpl-")
	info := groqInfo{ID: x.requestID(), Seed: int64(fold(g.Call)%1e9) + 1}
	if x.params.stream {
		failure := x.event("error", c.errorFor(x, reasonServerError).body())
		return answer{stream: x.chatStream(groqChunks(x, g, info), failure)}
	}
	return answer{body: encode(groqBody{
		ID: g.ID, Object: "chat.completion", Created: g.At.Unix(), Model: g.Model,
		Choices: []groqChoice{{
			Message: groqMessage{"assistant", joined(x.text(g)), toolCalls(x.script.calls)}, Finish: x.finish(g),
		}},
		Usage: *groqUsageOf(g), Breakdown: json.RawMessage("null"), Fingerprint: "fp_llmtest",
		Groq: info, Tier: g.Tier,
	})}
}

// groqChunks returns all chunks of a stream. The chunk with the finish_reason has the usage
// in x_groq. If usage was asked for, that chunk has it also in "usage", and one more chunk
// follows with the usage and the tier.
func groqChunks(x *exchange, g Generation, info groqInfo) (chunks [][]byte) {
	finish, u := x.finish(g), groqUsageOf(g)
	blank := groqChunk{
		ID: g.ID, Object: "chat.completion.chunk", Created: g.At.Unix(), Model: g.Model, Fingerprint: "fp_llmtest",
	}
	add := func(choices []chunkChoice, info *groqInfo, u *groqUsage, tier string) {
		c := blank
		c.Choices, c.Groq, c.Usage, c.Tier = choices, info, u, tier
		chunks = append(chunks, encode(c))
	}
	add(choice(`{"role":"assistant","content":""}`, nil), &info, nil, "")
	for _, piece := range x.text(g) {
		add(choice(`{"content":`+string(encode(piece))+`}`, nil), nil, nil, "")
	}
	for i, c := range toolCalls(x.script.calls) { // whole, as Groq sends them
		c.Index = &i
		add(choice(toolDelta(c), nil), nil, nil, "")
	}
	last := &groqInfo{ID: info.ID, Usage: u}
	if !x.params.includeUsage {
		add(choice(`{}`, &finish), last, nil, "")
		return chunks
	}
	add(choice(`{}`, &finish), last, u, "")
	add([]chunkChoice{}, nil, u, g.Tier)
	return chunks
}
