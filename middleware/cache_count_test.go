package middleware_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A cap is compared with what the tokens cost that the provider counts, where the bytes alone would cost more than it.
func TestCapsByCountedTokens(t *testing.T) {
	content := library()
	for _, test := range []struct {
		max     string
		created bool
	}{{"0.005", true}, {"0.0025", false}} { // its 8,645 tokens cost $0.0025935, and about $0.0014 for 10 minutes
		p := policy.Policy{Cache: policy.Cache{MaxCost: price.MustUSD(test.max)}}
		inWorld(t, llmtest.Config{}, p, func(w *world) {
			_, err := w.stack.Ensure(w.Context(), w.caches(), content)
			if test.created != (err == nil) {
				w.Errorf("max_cost %s: %v", test.max, err)
			}
			if err != nil && !strings.Contains(err.Error(), "may cost $0.004") {
				w.Error(err)
			}
			counts := 0
			for _, r := range w.provider.Requests() {
				if strings.HasSuffix(r.Path, ":countTokens") {
					counts++
				}
			}
			if counts != 1 {
				w.Errorf("%d requests have tokens counted", counts)
			}
		})
	}
	content.TTL = time.Minute
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		w.ensure(content)
		for _, r := range w.provider.Requests() {
			if strings.HasSuffix(r.Path, ":countTokens") {
				w.Error("tokens are counted although the cap holds without that")
			}
		}
	})
}
