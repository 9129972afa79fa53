package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func openAICall(t *testing.T, body string) (wire.Dialect, wire.Call, *transport.Fields) {
	t.Helper()
	d, call, ok := recognise(t, "POST", "https://api.openai.com/v1/chat/completions")
	if !ok {
		t.Fatal("not recognised")
	}
	f := fields(t, call.RequestPaths, body)
	d.Request(&call, nil, f)
	return d, call, f
}

func TestRequest(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"gpt-5"}`: "gpt-5||false|false|0",
		`{"model":"gpt-5","stream":true,"service_tier":"flex"}`:                "gpt-5|flex|true|false|0",
		`{"model":"m","service_tier":"default"}`:                               "m|standard|false|false|0",
		`{"model":"m","service_tier":"fast"}`:                                  "m|priority|false|false|0",
		`{"model":"m","service_tier":"auto"}`:                                  "m|auto|false|false|0",
		`{"model":"m","service_tier":null}`:                                    "m||false|false|0",
		`{"model":"m","stream":true,"stream_options":{"include_usage":false}}`: "m||true|true|0",
		`{"model":"m","stream":true,"stream_options":{"x":1}}`:                 "m||true|false|0",
		`{"model":"m","stream":false,"stream_options":{"include_usage":true}}`: "m||false|false|0",
		`{"model":"m","max_tokens":10}`:                                        "m||false|false|10",
		`{"model":"m","max_tokens":10,"max_completion_tokens":30,"n":3}`:       "m||false|false|30",
		`{"model":"m","max_tokens":1e9}`:                                       "m||false|false|0",
		`{"model":7,"stream":"true"}`:                                          "||false|false|0",
		`{"model":"a\nb\u0000"}`:                                               "a?b?||false|false|0",
	} {
		_, c, _ := openAICall(t, body)
		if got := fmt.Sprint(c.Model, "|", c.Tier, "|", c.Stream, "|", c.Usage, "|", c.MaxOutput); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	_, c, _ := openAICall(t, `{"model":"`+strings.Repeat("x", 1000)+`"}`)
	if len(c.Model) != 128 {
		t.Errorf("a model's name of %d bytes", len(c.Model))
	}
}

func TestEdit(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       wire.Want
		after      string
		hides      bool
	}{
		{"nothing", `{"model":"m"}`, wire.Want{Usage: true}, `{"model":"m"}`, false},
		{"flex", `{"model":"m"}`, wire.Want{Tier: policy.Flex}, `{"service_tier":"flex","model":"m"}`, false},
		{"standard is default", `{"model":"m"}`, wire.Want{Tier: policy.Standard}, `{"service_tier":"default","model":"m"}`, false},
		{"priority is there as fast", `{"service_tier":"fast"}`, wire.Want{Tier: policy.Priority}, `{"service_tier":"fast"}`, false},
		{"replaced", `{"service_tier":"flex"}`, wire.Want{Tier: policy.Standard}, `{"service_tier":"default"}`, false},
		{"removed", `{"service_tier":"flex","model":"m"}`, wire.Want{}, `{"model":"m"}`, false},
		{"usage", `{"stream":true}`, wire.Want{Usage: true}, `{"stream_options":{"include_usage":true},"stream":true}`, true},
		{"usage, null options", `{"stream":true,"stream_options":null}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":{"include_usage":true}}`, true},
		{"usage, merged", `{"stream":true,"stream_options":{"include_obfuscation":false}}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}`, true},
		{"usage declined by the caller", `{"stream":true,"stream_options":{"include_usage":false}}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":{"include_usage":false}}`, false},
		{"usage asked by the caller", `{"stream":true,"stream_options":{"include_usage":true}}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":{"include_usage":true}}`, false},
		{"options are no object", `{"stream":true,"stream_options":[1]}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":[1]}`, false},
		{"not wanted", `{"stream":true}`, wire.Want{}, `{"stream":true}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, call, f := openAICall(t, test.body)
			var e wire.Edits
			d.Edit(&call, f, test.want, &e)
			got, err := f.Splice(e.Body...)
			if err != nil || string(got) != test.after || e.HideUsage != test.hides {
				t.Errorf("got %s, hides %v, %v\nwant %s, %v", got, e.HideUsage, err, test.after, test.hides)
			}
		})
	}
}

// What UsageNames says must make sense.
func TestUsageNamesRefuses(t *testing.T) {
	for name, names := range map[string]map[string]wire.Count{
		"no name": {"": wire.CachedTokens}, "a dot in front": {".a": wire.CachedTokens}, "a dot at the end": {"a.": wire.CachedTokens},
		"with the usage": {"usage.a": wire.CachedTokens}, "no count": {"a": 0}, "an unknown count": {"a": wire.PartTokens + 1},
	} {
		_, err := wire.NewRouter(wire.RouterConfig{Dialects: []wire.Dialect{&wire.Compatible{Provider: "acme", UsageNames: names}}})
		if err == nil || !strings.Contains(err.Error(), "UsageNames of acme") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
