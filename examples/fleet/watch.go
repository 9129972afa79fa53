package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A watch looks at the budget and at the provider's meter again and again while the workers work.
type watch struct {
	store    *redis.Store
	provider *llmtest.Server
	cancel   context.CancelFunc
	work     sync.WaitGroup

	mu    sync.Mutex
	seen  watched
	state budget.State // the latest
}

// Watched is what a watch has seen.
type watched struct {
	samples int        // of the budget
	unknown int        // times that Redis did not say how the budget stands
	most    price.Pico // the largest sum of what was spent, held, and may have been charged
	metered price.Pico // the largest sum of the meter
	err     error      // of the meter
}

// newWatch begins to look.
func newWatch(store *redis.Store, provider *llmtest.Server) *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{store: store, provider: provider, cancel: cancel}
	w.work.Go(func() {
		for ctx.Err() == nil {
			w.sample(ctx)
			pause(ctx, 50*time.Millisecond)
		}
	})
	return w
}

// stop ends the watch.
func (w *watch) stop() {
	if w != nil {
		w.cancel()
		w.work.Wait()
	}
}

// sample looks once. The error is that Redis does not say how the budget stands.
func (w *watch) sample(ctx context.Context) (budget.State, error) {
	metered, meterErr := priceMeter(w.provider.Meter())
	states, err := w.store.Budgets(ctx)
	if err == nil && len(states) != 1 {
		err = fmt.Errorf("%d budgets", len(states))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.metered = max(w.seen.metered, metered)
	if meterErr != nil {
		w.seen.err = meterErr
	}
	switch {
	case ctx.Err() != nil:
		return budget.State{}, context.Cause(ctx)
	case err != nil:
		w.seen.unknown++
		return budget.State{}, err
	}
	w.seen.samples++
	w.state = states[0]
	w.seen.most = max(w.seen.most, w.state.Spent+w.state.Held)
	return w.state, nil
}

// result returns what was seen, and how the budget stood at last.
func (w *watch) result() (watched, budget.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen, w.state
}
