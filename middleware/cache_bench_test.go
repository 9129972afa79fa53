package middleware_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// BenchmarkPrefixWork measures what it adds to a call that 10,000 contents are registered, of which it uses none: in ns, and as
// a multiple of one SHA-256 of its body. The base answers from memory.
func BenchmarkPrefixWork(b *testing.B) {
	host := &cacheHost{create: made(0, time.Hour)}
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(req.URL.Path, "enerateContent") {
			return host.RoundTrip(req)
		}
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		return says(200, jsonType, geminiServed)(req)
	})
	off := stackOver(b, base, policy.Policy{})
	on := stackOver(b, base, policy.Policy{Cache: policy.Cache{MaxLive: 20_000, MaxCostPerHour: 100_000 * price.USD}})
	client, err := cachedcontent.NewGemini(on.Client(), geminiKey)
	if err != nil {
		b.Fatal(err)
	}
	for n := range 10_000 {
		content := library()
		content.Turns = []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(fmt.Sprint("Chapter ", n)))}
		if _, err := on.Ensure(b.Context(), client, content); err != nil {
			b.Fatal(err)
		}
	}
	for name, size := range map[string]struct{ turns, bytes int }{"1MB/one": {1, 1 << 20}, "1MB/many": {100, 10 << 10}, "2KB": {1, 2 << 10}} {
		b.Run(name, func(b *testing.B) {
			body := longTalk(size.turns, size.bytes)
			var hash, without, with time.Duration
			for b.Loop() {
				start := time.Now()
				sha256.Sum256([]byte(body))
				hashed := time.Now()
				roundTrip(b, off, body)
				plain := time.Now()
				roundTrip(b, on, body)
				hash, without, with = hash+hashed.Sub(start), without+plain.Sub(hashed), with+time.Since(plain)
			}
			b.ReportMetric(float64(with-without)/float64(b.N), "added-ns/op")
			b.ReportMetric(float64(with-without)/float64(hash), "xSHA256")
		})
	}
}

// longTalk returns a request of some turns of so many bytes each, and a question.
func longTalk(turns, bytes int) string {
	type part struct {
		Text string `json:"text"`
	}
	type turn struct {
		Role  string `json:"role"`
		Parts []part `json:"parts"`
	}
	var all []turn
	for range turns {
		all = append(all, turn{"user", []part{{strings.Repeat("Light is refracted, and colours differ.\n", bytes/40)}}})
	}
	b, _ := json.Marshal(map[string]any{"contents": append(all, turn{"user", []part{{"Why?"}}}), "systemInstruction": turn{Parts: []part{{"Answer from the book."}}}})
	return string(b)
}

// roundTrip makes a call, and reads its answer.
func roundTrip(b *testing.B, s *middleware.Stack, body string) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, geminiURL, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("X-Goog-Api-Key", geminiKey)
	resp, err := s.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	drain(resp)
}
