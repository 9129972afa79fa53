package wire_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Acme's API is compatible with OpenAI's. It has two tiers: "low", and the one that a request gets if it names none.
func ExampleCompatible() {
	acme := &wire.Compatible{
		Provider: "acme",
		Hosts:    []string{"llm.acme.example"},
		AskUsage: true,
		Tiers:    map[policy.Tier]string{policy.Flex: "low", policy.Standard: ""},
	}
	router, err := wire.NewRouter(wire.RouterConfig{Dialects: []wire.Dialect{acme}})
	if err != nil {
		fmt.Println(err)
		return
	}

	// What does a request ask for?
	req, _ := http.NewRequest(http.MethodPost, "https://llm.acme.example/v1/chat/completions",
		strings.NewReader(`{"model": "roadrunner", "max_tokens": 200, "messages": [{"role": "user", "content": "Beep?"}]}`))
	dialect, call, ok := router.Recognise(req.Method, req.URL)
	if !ok {
		fmt.Println("no call")
		return
	}
	var body transport.Body
	if err := body.Load(req, call.RequestPaths); err != nil {
		fmt.Println(err)
		return
	}
	dialect.Request(&call, req.Header, body.Fields())
	fmt.Println("call:", call.Provider, call.Operation, call.Model, call.Tiers, call.MaxOutput)

	// What has to change for the cheaper tier?
	var edits wire.Edits
	dialect.Edit(&call, body.Fields(), wire.Want{Tier: policy.Flex}, &edits)
	for _, e := range edits.Body {
		fmt.Println("edit:", e.Path, e.Value)
	}

	// What did the answer use, and which tier served?
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}}
	var reader wire.Reader
	reader.Begin(dialect, &call, resp)
	reader.Observe([]byte(`{"id": "c-1", "model": "roadrunner-2", "service_tier": "low", "choices": [{"message": {"content": "Beep."}}],
		"usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 8}}}`))
	complete := reader.End(transport.EndEOF)
	a := &reader.Answer
	fmt.Println("answer:", complete, a.Model, a.Tier, "input", a.Usage.Input, "cached", a.Usage.CachedInput, "output", a.Usage.Output)

	// Why was it rejected, and was that free?
	r := dialect.Rejection(&call, &wire.Response{
		Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}}, At: time.Now(), Asked: policy.Flex,
		Body: []byte(`{"error": {"message": "Too many requests.", "code": "rate_limit_exceeded"}}`),
	})
	fmt.Println("rejection:", r.Outcome, r.Evidence, r.Reason, r.Code, r.RetryAfter)
	// Output:
	// call: acme chat roadrunner [flex standard] 200
	// edit: service_tier "low"
	// answer: true roadrunner-2 flex input 4 cached 8 output 3
	// rejection: rejected inferred rate rate_limit_exceeded 7s
}
