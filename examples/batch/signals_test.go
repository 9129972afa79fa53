package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// TestInterrupts has a step for each signal, in each part of a run.
func TestInterrupts(t *testing.T) {
	var i interrupts
	signals, ended := make(chan os.Signal), make(chan struct{})
	defer close(ended)
	go i.obey(signals, ended)
	steps := make(chan string)
	step := func(name string) func() { return func() { steps <- name } }
	want := func(name string) {
		t.Helper()
		signals <- os.Interrupt
		if got := <-steps; got != name {
			t.Errorf("%s, want %s", got, name)
		}
	}
	i.set(step("stop"), step("abort"), step("not reached"))
	want("stop")
	want("abort")
	i.set(step("end"), step("not reached"))
	want("end")
	if step, last := new(interrupts).next(); step != nil || !last {
		t.Error("a step where none was set")
	}
}

// TestInterruptedEarly is interrupted before anything is sent.
func TestInterruptedEarly(t *testing.T) {
	args, out := requests(t, chatLines(3)...)
	base := counting()
	t.Setenv("OPENAI_API_KEY", "key")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr strings.Builder
	code := start(ctx, append(args, "-live"), io.Discard, &stderr, nil, base)
	if code != exitInterrupted || base.n.Load() > 0 || !strings.Contains(stderr.String(), "interrupted") || len(answers(t, out)) > 0 {
		t.Errorf("code %d, %d requests: %s", code, base.n.Load(), stderr.String())
	}
	drive(t, base, args...).want(t, want{done: 3})
}
