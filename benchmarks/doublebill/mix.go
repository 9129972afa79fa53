package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A mishap befalls a share of the requests on the wire.
type mishap struct {
	name    string
	percent int
	free    bool // not billed
	fault   llmtest.Fault
}

// The mishaps that are no llmtest.Fault to us.
var (
	noRoom = &mishap{name: "flex 429", percent: 5, free: true} // only who asks for flex meets it
	noDial = &mishap{name: "reset before the write", percent: 2, free: true}
)

// Whether a 500 is charged, most providers do not say, and this one charges. Google says that Gemini's are not.
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

// shares says the mix in words.
func shares() string {
	var s []string
	for _, m := range mix {
		s = append(s, fmt.Sprintf("%d %% %s", m.percent, m.name))
	}
	return strings.Join(s, ", ")
}

// A provider is a simulated one that misbehaves. What the n-th request meets is the same for every client.
type provider struct {
	*llmtest.Server
	free500 bool   // as Google documents it
	books   *books // of our stack, if there is one

	mu    sync.Mutex
	draws *rand.Rand
	met   []*mishap // one for each request on the wire; nil for none
}

// newProvider starts a provider, in a bubble. Its connections are used once, so that each request dials, and what it
// meets is drawn then.
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

// client is what a program would have over the network.
func (p *provider) client() *http.Client { return &http.Client{Transport: p.Transport()} }

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

func (p *provider) draw() *mishap {
	n := p.draws.IntN(100)
	for _, m := range mix {
		if n -= m.percent; n < 0 {
			return m
		}
	}
	return nil
}

// last is what the request under way meets: there is one at a time.
func (p *provider) last() *mishap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.met[len(p.met)-1]
}

func (p *provider) fault(int) llmtest.Fault {
	if m := p.last(); m != nil {
		return m.fault
	}
	return llmtest.NoFault
}
