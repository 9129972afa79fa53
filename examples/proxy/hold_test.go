package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestLongBodies sends prompts that are longer than what the stack buffers. They still get a tier and fall back.
func TestLongBodies(t *testing.T) {
	policy := policyFile(t, flexFirst)
	for _, size := range []int{10, 60 << 10, 70 << 10, 3 << 20} {
		sim := provider(t, llmtest.Config{Flex: llmtest.Refuse(1)})
		p := start(t, sim.URL, "-policy", policy)
		if a := p.chat(strings.Repeat("long ", size/5)); a.status != 200 {
			t.Errorf("%d bytes: %d %s", size, a.status, a.body)
		}
		if r := sim.Requests(); len(r) != 2 || r[0].Tier != "flex" || r[1].Tier != "default" {
			t.Errorf("%d bytes: %d requests", size, len(r))
		}
		if got, want := spent(p.rows()).String(), metered(t, sim.Meter()); got != want {
			t.Errorf("%d bytes: the rows say %s, the meter %s", size, got, want)
		}
	}
}

// TestTooLongBodies sends bodies that are longer than what the proxy buffers. They are forwarded unchanged.
func TestTooLongBodies(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream, "-policy", policyFile(t, flexFirst))
	prompt := strings.Repeat("x", maxHeld)
	body := chatBody("gpt-5-mini", prompt, "")
	for _, length := range []int64{int64(len(body)), -1} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", p.url+"/v1/chat/completions", io.NopCloser(strings.NewReader(body)))
		req.ContentLength = length
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if s := <-got; s.body != body {
			t.Errorf("length %d: %d bytes arrive of %d", length, len(s.body), len(body))
		}
	}
}
