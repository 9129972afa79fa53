package main

import (
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

// TestProviderLimit has a provider that allows 300 requests per minute. Its answers say so, and no line fails.
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
	args, out := requests(t, chatLines(3)...)
	drive(t, sim.Transport(), append(args, "-tpm", "100000")...).want(t, want{done: 3})
	if len(answers(t, out)) != 3 {
		t.Error("answers are missing")
	}
}
