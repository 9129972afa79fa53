package main

import (
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestRequestsPerMinute sends ten lines at 600 per minute, of which ten may be sent at once, and then ten more.
func TestRequestsPerMinute(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	args, _ := requests(t, chatLines(20)...)
	began := time.Now()
	drive(t, sim.Transport(), append(args, "-rpm", "600", "-parallel", "20")...).want(t, want{done: 20})
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

// TestProviderLimit has a provider that allows 1200 requests per minute. Its answers say so, and no line fails.
func TestProviderLimit(t *testing.T) {
	sim := provider(t, llmtest.Config{RequestsPerMinute: 1200})
	args, _ := requests(t, chatLines(60)...)
	drive(t, sim.Transport(), append(args, "-parallel", "16")...).want(t, want{done: 60})
	if got := len(sim.Meter()); got != 60 {
		t.Errorf("%d generations", got)
	}
}

// TestTooManyTokens has a line that needs more tokens than a minute has. It fails, and the others are answered.
func TestTooManyTokens(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	lines := chatLines(3)
	lines[1] = strings.Replace(lines[1], `"max_completion_tokens":100`, `"max_completion_tokens":100000`, 1)
	args, out := requests(t, lines...)
	drive(t, sim.Transport(), append(args, "-tpm", "50000", "-ordered")...).want(t, want{code: exitFailed, done: 2, failed: 1})
	if a := answers(t, out)[1]; a.Error == nil || a.Error.Code != "limit" || !strings.Contains(a.Error.Message, "-rpm and -tpm") || a.MaybePaid {
		t.Errorf("%+v: %+v", a, a.Error)
	}
}
