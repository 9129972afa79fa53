package llmtest_test

import (
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestEmbedContent(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		const one = `{"content":{"parts":[{"text":"some words"}]},"outputDimensionality":3}`
		const model = "/v1beta/models/gemini-embedding-001"
		a := mustDo(t, srv, "POST", model+":embedContent", one, 200)
		b := mustDo(t, srv, "POST", model+":batchEmbedContents", `{"requests":[`+one+`,{"content":{}}]}`, 200)
		c := mustDo(t, srv, "POST", "/v1beta/models/gemini-embedding-2:batchEmbedContents", `{"requests":[`+one+`]}`, 200)
		type values struct{ Values []float64 }
		if v := decode[struct{ Embedding values }](t, a.body).Embedding.Values; len(v) != 3 {
			t.Errorf("got %s", a.body)
		}
		if v := decode[struct{ Embeddings []values }](t, b.body).Embeddings; len(v) != 2 || len(v[0].Values) != 3 || len(v[1].Values) != 8 {
			t.Errorf("got %s", b.body)
		}
		if strings.Contains(a.body+b.body, "usage") || !strings.Contains(c.body, `"promptTokenDetails"`) {
			t.Errorf("got %s and %s", a.body+b.body, c.body)
		}
		for _, g := range srv.Meter() {
			if g.Operation != "embedContent" || g.Prompt < 5 || g.Completion != 0 || g.Call == "" || g.ID == "" {
				t.Errorf("metered %+v", g)
			}
		}
		if len(srv.Meter()) != 3 {
			t.Errorf("billed %d", len(srv.Meter()))
		}
		mustDo(t, srv, "POST", model+":embedContent", `{}`, 400)
		mustDo(t, srv, "POST", model+":batchEmbedContents", `{"requests":{}}`, 400)
	})
}
