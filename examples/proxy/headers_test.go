package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestOptions(t *testing.T) {
	ctx, err := options(t.Context(), http.Header{
		"Skinflint-Token":          {"t"},
		"Skinflint-Tag":            {"tenant=acme, job=night=ly", "empty="},
		"skinflint-max-cost":       {"0.25"},
		"Skinflint-Finish-By":      {"20m"},
		"Skinflint-Cached-Content": {"cachedContents/abc"},
		"Skinflint-Tier":           {"flex"},
		"Other":                    {"x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := policy.From(ctx)
	if tags := o.Tags(); len(tags) != 3 || tags["tenant"] != "acme" || tags["job"] != "night=ly" || tags["empty"] != "" {
		t.Errorf("tags %v", tags)
	}
	if most, ok := o.MaxCost(); !ok || most != price.MustUSD("0.25") {
		t.Errorf("max cost %v %v", most, ok)
	}
	if by, ok := o.FinishBy(); !ok || time.Until(by) < 19*time.Minute || time.Until(by) > 20*time.Minute {
		t.Errorf("finish by %v %v", by, ok)
	}
	if o.CachedContent() != "cachedContents/abc" {
		t.Errorf("cached content %q", o.CachedContent())
	}
}

var badHeaders = map[string]string{
	"Skinflint-Tier":           "fast",
	"Skinflint-Max-Cost":       "1e3",
	"Skinflint-Finish-By":      "soon",
	"Skinflint-Tag":            "tenant",
	"Skinflint-Cached-Content": "a b",
	"Skinflint-Max-Costs":      "0.25",
}

func TestBadHeaders(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream, "-headers")
	for name, value := range badHeaders {
		if a := p.chat("?", name, value); a.status != 400 || !strings.Contains(a.body, name) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := p.chat("?", "Skinflint-Tier", "flex", "Skinflint-Tier", "standard"); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if len(got) > 0 {
		t.Error("something arrived")
	}
	p = start(t, upstream)
	for name, value := range badHeaders {
		if a := p.chat("?", name, value); a.status != 200 {
			t.Errorf("without -headers: %s: %d %s", name, a.status, a.body)
		}
		for h := range (<-got).header {
			if ours(h) {
				t.Errorf("%s goes upstream", h)
			}
		}
	}
}

func TestHeadersAreObeyed(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	p := start(t, sim.URL, "-headers")
	p.chat("one", "Skinflint-Tier", "flex", "Skinflint-Tag", "tenant=acme")
	if a := p.chat("two", "Skinflint-Max-Cost", "0.0000001"); a.status != 402 {
		t.Errorf("max cost: %d %s", a.status, a.body)
	}
	if a := p.chat("three", "Skinflint-Finish-By", "2020-01-01T00:00:00Z"); a.status != 400 {
		t.Errorf("finish by: %d %s", a.status, a.body)
	}
	if m := sim.Meter(); len(m) != 1 || m[0].Tier != "flex" {
		t.Errorf("%+v", m)
	}
	if by := p.totals().By; by["tag:tenant=acme"].Calls != 1 {
		t.Errorf("%v", by)
	}
}

// TestCallersStay sends headers that say who calls, and headers that the provider needs.
func TestCallersStay(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream)
	stay := []string{
		"X-Real-Ip", "Via", "Cookie", "Referer", "Origin", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-User",
		"x-forwarded-client-cert", "X-Original-Forwarded-For", "Forwarded", "CF-Connecting-IP", "CF-IPCountry", "CF-RAY", "Cf-Access-Authenticated-User-Email",
		"Cf-Access-Jwt-Assertion", "CDN-Loop", "True-Client-IP", "X-Client-IP", "X-Cluster-Client-Ip", "Fastly-Client-IP", "Fly-Client-IP", "X-Azure-ClientIP",
		"X-Envoy-External-Address", "X-ProxyUser-Ip", "Wl-Proxy-Client-Ip", "Proxy-Client-IP", "X-Appengine-User-Ip", "X-Nf-Client-Connection-Ip", "Do-Connecting-Ip",
		"X-Remote-Addr", "Remote-User", "X-Auth-Request-Email", "X-Amzn-Oidc-Identity", "X-Goog-Authenticated-User-Email", "X-Goog-Iap-Jwt-Assertion",
		"X-Ms-Client-Principal-Name", "Tailscale-User-Login", "From", "Dnt", "Sec-Fetch-Mode", "Sec-Ch-Ua-Platform", "X-Amzn-Trace-Id", "Max-Forwards",
		"Proxy-Authorization", "Proxy-Connection", "Keep-Alive", "X-Named", "Skinflint-Tag", "skinflint-anything", "Baggage",
	}
	pass := []string{
		"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Goog-Api-Client", "X-Goog-User-Project", "X-Goog-Request-Params", "Anthropic-Version", "Anthropic-Beta",
		"Anthropic-Dangerous-Direct-Browser-Access", "Openai-Organization", "Openai-Project", "Openai-Beta", "X-Stainless-Lang", "X-Stainless-Os", "X-Stainless-Retry-Count", "X-Stainless-Timeout",
		"User-Agent", "Accept", "Accept-Language", "Content-Type", "X-Client-Request-Id", "X-Request-Id", "Traceparent", "Http-Referer", "X-Title",
		"Cf-Aig-Authorization", "Cf-Access-Client-Id", "Cf-Access-Client-Secret", "Helicone-Auth", "X-Portkey-Provider", "X-Ms-Client-Request-Id", "X-Amz-Date", "X-Vertex-Ai-Llm-Request-Type",
		"X-Amzn-Bedrock-Guardrailidentifier", "X-Grok-Conv-Id", "X-Dashscope-Sse",
	}
	var request strings.Builder
	request.WriteString("POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close, X-Named\r\n")
	for _, name := range append(slices.Clone(stay), pass...) {
		value := "1"
		if name == "Origin" {
			value = "http://localhost"
		}
		request.WriteString(name + ": " + value + "\r\n")
	}
	raw(t, p, request.String()+"\r\n{}")
	s := <-got
	for _, name := range stay {
		if s.header.Get(name) != "" {
			t.Errorf("%s goes upstream", name)
		}
	}
	for _, name := range pass {
		if s.header.Get(name) != "1" {
			t.Errorf("%s does not go upstream", name)
		}
	}
}

func FuzzOptions(f *testing.F) {
	for name, value := range badHeaders {
		f.Add(name, value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		ctx, err := options(t.Context(), http.Header{name: {value}})
		if err == nil && policy.From(ctx).Err() != nil {
			t.Errorf("%q: %q is accepted, and invalid: %v", name, value, policy.From(ctx).Err())
		}
		if err != nil && !ours(name) {
			t.Errorf("%q is not ours, and fails: %v", name, err)
		}
	})
}
