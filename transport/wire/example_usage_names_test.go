package wire_test

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Acme's usage has names of its own for tokens that were read from a cache.
func ExampleCount() {
	acme := &wire.Compatible{
		Provider:   "acme",
		Hosts:      []string{"llm.acme.example"},
		UsageNames: map[string]wire.Count{"cache.hit_tokens": wire.CachedTokens},
	}
	router, err := wire.NewRouter(wire.RouterConfig{Dialects: []wire.Dialect{acme}})
	if err != nil {
		fmt.Println(err)
		return
	}
	dialect, call, _ := router.Recognise(http.MethodPost, &url.URL{Scheme: "https", Host: "llm.acme.example", Path: "/v1/chat/completions"})
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}}
	var reader wire.Reader
	reader.Begin(dialect, &call, resp)
	reader.Observe([]byte(`{"model": "roadrunner", "choices": [{}], "usage": {"prompt_tokens": 12, "completion_tokens": 3, "cache": {"hit_tokens": 8}}}`))
	complete := reader.End(transport.EndEOF)
	u := reader.Answer.Usage
	fmt.Println(complete, "input", u.Input, "cached", u.CachedInput, "output", u.Output)
	// Output: true input 4 cached 8 output 3
}
