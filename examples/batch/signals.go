package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupts obey signals. What a signal does depends on what the program is doing.
type interrupts struct {
	mu    sync.Mutex
	steps []func() // what the next signals do
}

// set says what the next signals do, one step for each. A signal after the last step kills the program.
func (i *interrupts) set(steps ...func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.steps = steps
}

// obey obeys signals until the program has ended.
func (i *interrupts) obey(signals <-chan os.Signal, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-signals:
		}
		step, last := i.next()
		if last {
			signal.Reset(os.Interrupt, syscall.SIGTERM)
		}
		if step != nil {
			step()
		}
	}
}

// next takes the next step.
func (i *interrupts) next() (step func(), last bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.steps) > 0 {
		step, i.steps = i.steps[0], i.steps[1:]
	}
	return step, len(i.steps) == 0
}
