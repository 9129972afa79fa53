package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

var benchPaths = MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "max_completion_tokens", "n")

// chatOf returns a chat request of about the given size, with escapes as prose has them.
func chatOf(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"model":"gpt-5","temperature":0.2,"max_completion_tokens":256,"messages":[{"role":"system","content":"Be brief."}`)
	for b.Len() < size-100 {
		text, _ := json.Marshal(strings.Repeat("He said: \"A penny saved\nis a penny earned.\" ", 6))
		fmt.Fprintf(&b, `,{"role":"user","content":%s}`, text)
	}
	b.WriteString(`],"stream":false}`)
	return b.Bytes()
}

func BenchmarkScan(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10} {
		doc := chatOf(size)
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			var s scanner
			for b.Loop() {
				if err := s.scan(doc, benchPaths); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%dKB in pieces", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			var s scanner
			for b.Loop() {
				s.reset(benchPaths, 1<<10)
				s.Write(doc[:1])
				s.Write(doc[1:])
			}
		})
	}
}

// BenchmarkBody is what a call costs that is edited and sent once.
func BenchmarkBody(b *testing.B) {
	doc := chatOf(2 << 10)
	reader := bytes.NewReader(doc)
	req, err := http.NewRequest(http.MethodPost, "http://example.com/", reader)
	if err != nil {
		b.Fatal(err)
	}
	for _, key := range []string{"Authorization", "Content-Type", "Accept", "User-Agent", "X-Stainless-Retry-Count"} {
		req.Header.Set(key, "0")
	}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(doc)
		out := *req
		var body Body
		if err := body.Load(req, benchPaths); err != nil {
			b.Fatal(err)
		}
		if err := body.Attach(&out, false, Edit{Path: "service_tier", Value: `"flex"`}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	event := fmt.Appendf(nil, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}],\"usage\":null}\n\n", strings.Repeat("x", 150))
	stream := bytes.Repeat(event, 100)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	e := events{handler: new(counter)}
	for b.Loop() {
		for p := stream; len(p) > 0; {
			n, _ := e.Observe(p)
			p = p[n:]
		}
	}
}
