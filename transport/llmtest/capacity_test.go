package llmtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func pattern(c llmtest.Capacity, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
		if c.Available(i) {
			b[i] = '.'
		}
	}
	return string(b)
}

func TestCapacity(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    llmtest.Capacity
		want string
	}{
		{"func", llmtest.CapacityFunc(func(n int) bool { return n == 2 }), "xx.xxxxx"},
		{"probability 0", llmtest.Probability(0, 1), "........"},
		{"probability 100", llmtest.Probability(100, 1), "xxxxxxxx"},
		{"probability beyond", llmtest.Probability(300, 1), "xxxxxxxx"},
		{"probability below", llmtest.Probability(-5, 1), "........"},
		{"refuse 0", llmtest.Refuse(0), "........"},
		{"refuse 3", llmtest.Refuse(3), "xxx....."},
		{"schedule", llmtest.Schedule("x.xx."), "x.xx.x.x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := pattern(tt.c, 8); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCapacityCountsFlexOnly(t *testing.T) {
	inBubble(t, llmtest.Config{Flex: llmtest.Schedule("x."), FlexModels: []string{"gpt-5-mini"}},
		func(t *testing.T, srv *llmtest.Server) {
			flex := body("hi", `"service_tier":"flex"`)
			mustSend(t, srv, body("hi"), http.StatusOK)
			mustSend(t, srv, `{"model":"gpt-4o","messages":[],"service_tier":"flex"}`, http.StatusBadRequest)
			mustSend(t, srv, flex, http.StatusTooManyRequests)
			mustSend(t, srv, body("hi", `"service_tier":"default"`), http.StatusOK)
			mustSend(t, srv, flex, http.StatusOK)
			mustSend(t, srv, flex, http.StatusTooManyRequests)
			var tiers strings.Builder
			for _, g := range srv.Meter() {
				tiers.WriteString(g.Tier + " ")
			}
			if tiers.String() != "default default flex " {
				t.Errorf("served %s", tiers.String())
			}
		})
}

func TestProbability(t *testing.T) {
	const n = 10_000
	for _, p := range []int{5, 50, 95} {
		rejected := 0
		c, again, other := llmtest.Probability(p, 7), llmtest.Probability(p, 7), llmtest.Probability(p, 8)
		for i := range n {
			if !c.Available(i) {
				rejected++
			}
		}
		if got := 100 * rejected / n; got < p-2 || got > p+2 {
			t.Errorf("rejected %d%%, want about %d%%", got, p)
		}
		if pattern(c, 200) != pattern(again, 200) {
			t.Error("one seed gives two schedules")
		}
		if pattern(c, 200) == pattern(other, 200) {
			t.Error("two seeds give one schedule")
		}
	}
}

func TestSchedulePanics(t *testing.T) {
	for _, p := range []string{"", "xo.", "x .x"} {
		t.Run(p, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			llmtest.Schedule(p)
		})
	}
}
