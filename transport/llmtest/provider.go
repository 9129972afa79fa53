package llmtest

import "sync"

// provider is what a simulated provider keeps between requests. It knows nothing of
// connections and of the endpoints' formats.
type provider struct {
	cfg       Config
	turns     turns
	replying  sync.Mutex // held while the user's Reply decides
	requests  requestLog
	meter     meter
	caches    cacheStore
	files     fileStore
	prompts   promptStore
	responses responseStore
}

// turns puts requests in order. Its lock is held while the user's Script and Capacity
// decide. They may call Meter and Requests, so it is not the lock of those.
type turns struct {
	sync.Mutex
	recognised int // requests to an endpoint
	flex       int // requests that have asked for flex capacity
	running    int // requests that were admitted and are worked on
	counters   map[counterKey]counter
	admissions Admissions
}

// nextFault asks the script for the fault of the next recognised request.
func (p *provider) nextFault() Fault {
	p.turns.Lock()
	defer p.turns.Unlock()
	n := p.turns.recognised
	p.turns.recognised++
	if p.cfg.Faults == nil {
		return NoFault
	}
	return p.cfg.Faults.Fault(n)
}

// hasFlexCapacity asks whether the next flex request is served.
func (p *provider) hasFlexCapacity() bool {
	p.turns.Lock()
	defer p.turns.Unlock()
	n := p.turns.flex
	p.turns.flex++
	return p.cfg.Flex == nil || p.cfg.Flex.Available(n)
}
