package llmtest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestTokens(t *testing.T) {
	const messages = `[ {"role":"user",  "content":"hi"} ]`
	long := `["` + strings.Repeat("x", 8188) + `"]` // 2048 tokens
	ask := func(model, messages, more string) string {
		return `{"model":"` + model + `","messages":` + messages + more + `}`
	}
	for _, tt := range []struct {
		name, request  string
		prompt, cached int64
		most           int64
		reasoning      bool
		messages       string
	}{
		{"empty", ask("gpt-4o", `[]`, ``), 1, 0, 207, false, `[]`},
		{"raw", ask("gpt-4o", messages, ``), int64(len(messages) / 4), 0, 207, false, messages},
		{"cached", ask("gpt-4o", long, ``), 2048, 1024, 207, false, long},
		{"reasoning o", ask("o3", messages, ``), int64(len(messages) / 4), 0, 207, true, messages},
		{"reasoning gpt-5", ask("gpt-5.6-sol", messages, ``), int64(len(messages) / 4), 0, 207, true, messages},
		{"most", ask("gpt-4o", `[]`, `,"max_tokens":3`), 1, 0, 3, false, `[]`},
		{"most of two", ask("gpt-4o", `[]`, `,"max_tokens":9,"max_completion_tokens":2`), 1, 0, 2, false, `[]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, llmtest.Config{CachedPercent: 55}, func(t *testing.T, srv *llmtest.Server) {
				c := decode[completion](t, mustSend(t, srv, tt.request, 200).body)
				g := srv.Meter()[0]
				checkUsage(t, c.Usage, g)
				if g.Prompt != tt.prompt || g.Cached != tt.cached || g.Completion > tt.most || g.Completion < min(8, tt.most) {
					t.Errorf("metered %+v", g)
				}
				if tt.reasoning && g.Reasoning != g.Completion/2 || !tt.reasoning && g.Reasoning != 0 {
					t.Errorf("reasoning %d of %d", g.Reasoning, g.Completion)
				}
				if (deref(c.Choices[0].Finish) == "length") != (tt.most < 8) {
					t.Errorf("finished for %s", deref(c.Choices[0].Finish))
				}
				sum := sha256.Sum256([]byte(tt.messages))
				if want := hex.EncodeToString(sum[:]); g.Call != want || srv.Requests()[0].Call != want {
					t.Errorf("call %s, want %s", g.Call, want)
				}
			})
		})
	}
}
