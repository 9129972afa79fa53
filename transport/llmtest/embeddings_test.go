package llmtest_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestEmbeddings(t *testing.T) {
	for _, tt := range []struct {
		request string
		status  int
		n, size int
	}{
		{`{"model":"text-embedding-3-small","input":"some words"}`, 200, 1, 8},
		{`{"model":"text-embedding-3-small","input":["some","words"],"dimensions":3}`, 200, 2, 3},
		{`{"model":"text-embedding-3-small","input":[5,6,7]}`, 200, 1, 8},
		{`{"model":"text-embedding-3-small","input":[[5],[6]]}`, 200, 2, 8},
		{`{"model":"text-embedding-3-small"}`, 400, 0, 0},
		{`{"model":"missing","input":"x"}`, 404, 0, 0},
		{`{"model":"m","input":"x","service_tier":"flex"}`, 400, 0, 0},
		{`[]`, 400, 0, 0},
	} {
		inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			a := mustDo(t, srv, "POST", "/v1/embeddings", tt.request, tt.status)
			got := decode[struct {
				Data []struct {
					Index     int
					Embedding []float64
				}
				Usage map[string]int64
			}](t, a.body)
			if len(got.Data) != tt.n || tt.n > 0 && len(got.Data[tt.n-1].Embedding) != tt.size {
				t.Errorf("%s: got %s", tt.request, a.body)
			}
			for _, g := range srv.Meter() {
				if len(got.Usage) != 2 || got.Usage["prompt_tokens"] != g.Prompt || got.Usage["total_tokens"] != g.Prompt ||
					g.Operation != "embeddings" || g.Completion != 0 || g.Tier != "default" {
					t.Errorf("got %s, metered %+v", a.body, g)
				}
			}
		})
	}
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", "/v1/embeddings", `{"model":"m","input":"x","encoding_format":"base64"}`, 200)
		if v := decode[struct{ Data []struct{ Embedding string } }](t, a.body).Data[0].Embedding; len(v) != 44 {
			t.Errorf("got %s", a.body)
		}
	})
}
