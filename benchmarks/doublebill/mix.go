package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A mishap is a fault that a share of the requests on the wire meets.
type mishap struct {
	name    string
	percent int
	free    bool // not billed
	fault   llmtest.Fault
}

// These mishaps are not an llmtest.Fault.
var (
	noRoom = &mishap{name: "flex 429", percent: 5, free: true} // only requests for the flex tier meet it
	noDial = &mishap{name: "reset before the write", percent: 2, free: true}
)

// Most providers do not say whether they charge for a 500. silent500 is charged. Google says that it does not charge.
var (
	silent500     = &mishap{name: "500 after the work", percent: 2, fault: llmtest.ServerErrorAfterWork}
	documented500 = &mishap{free: true, fault: llmtest.ServerErrorAfterWork}
)

var mix = []*mishap{
	noRoom,
	{name: "rate 429", percent: 2, free: true, fault: llmtest.RateLimited},
	noDial,
	{name: "reset after accepting", percent: 3, fault: llmtest.ResetAfterAccept},
	{name: "cut answer", percent: 3, fault: llmtest.CutStream},
	silent500,
	{name: "slower than the timeout", percent: 2, fault: llmtest.Slow},
}

// shares describes the mix.
func shares() string {
	var s []string
	for _, m := range mix {
		s = append(s, fmt.Sprintf("%d %% %s", m.percent, m.name))
	}
	return strings.Join(s, ", ")
}

// A provider is a simulated provider that misbehaves. The n-th request meets the same mishap for every client.
type provider struct {
	*llmtest.Server
	free500 bool      // a 500 is not charged
	store   *rowStore // of the stack, nil if there is none

	mu    sync.Mutex
	draws *rand.Rand
	met   []*mishap // one entry for each request on the wire; nil for no mishap
}

// newProvider starts a provider in a bubble. Each request has a new connection, and the mishap of a request is drawn when it
// dials.
func newProvider(seed, number uint64, free500 bool) *provider {
	p := &provider{draws: rand.New(rand.NewPCG(seed, number)), free500: free500}
	p.Server = llmtest.NewPipe(llmtest.Config{
		Flex:        llmtest.CapacityFunc(func(int) bool { return p.last() != noRoom }),
		Faults:      llmtest.ScriptFunc(p.fault),
		RefuseDials: p.refuse,
		FlexAs429:   true,
		Chunks:      2,
		Seed:        seed + number,
	})
	p.Transport().DisableKeepAlives = true
	return p
}

// client returns the http.Client of a program without skinflint.
func (p *provider) client() *http.Client { return &http.Client{Transport: p.Transport()} }

// refuse draws the mishap of the request that dials, and reports whether the dial fails.
func (p *provider) refuse(int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.draw()
	if m == silent500 && p.free500 {
		m = documented500
	}
	p.met = append(p.met, m)
	return m == noDial
}

// draw returns a mishap, or nil.
func (p *provider) draw() *mishap {
	n := p.draws.IntN(100)
	for _, m := range mix {
		if n -= m.percent; n < 0 {
			return m
		}
	}
	return nil
}

// last returns the mishap of the running request. There is one at a time.
func (p *provider) last() *mishap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.met[len(p.met)-1]
}

// fault is the script of the server.
func (p *provider) fault(int) llmtest.Fault {
	if m := p.last(); m != nil {
		return m.fault
	}
	return llmtest.NoFault
}
