package tokens_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
)

const sentence = "The quick brown fox jumps over the lazy dog, and then it walks home through the quiet streets of the old town. "

func benchmarkBody(text string) []byte {
	quoted, _ := json.Marshal(text)
	return fmt.Appendf(nil, `{"model":"gpt-5","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":%s}]}`, quoted)
}

func BenchmarkHeuristic(b *testing.B) {
	for _, bench := range []struct {
		name string
		body []byte
	}{
		{"small", benchmarkBody("What is the capital of France?")},
		{"prose", benchmarkBody(strings.Repeat(sentence, 2000))},
		{"code", benchmarkBody(strings.Repeat("func (c *counter) read(p []byte) (n int, err error) {\n\tfor i := range p {\n\t\tn += c.next(p[i])\n\t}\n\treturn n, nil\n}\n", 1500))},
		{"russian", benchmarkBody(strings.Repeat("Съешь же ещё этих мягких французских булок, да выпей чаю. ", 2000))},
		{"escaped", []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat(`\u0421\u044a\u0435\u0448\u044c \u0447\u0430\u044e. `, 3000) + `"}]}`)},
		{"image", benchmarkBody("data:image/png;base64," + strings.Repeat("iVBORw0K", 30000))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.body)))
			b.ReportAllocs()
			s := &policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}
			for b.Loop() {
				c := tokens.Heuristic{}.Counter()
				c.Write(bench.body)
				c.Estimate(s)
				c.Release()
			}
		})
	}
}
