package middleware

import (
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"
)

// maxHosts is how many hosts' protocols are remembered for each transport.
const maxHosts = 1024

// protocols remember the version of HTTP in which each host last answered. The zero protocols know none.
type protocols struct {
	mu    sync.Mutex
	hosts atomic.Pointer[map[string]int] // never written to
}

// transports has the protocols of every http.Transport beneath a chain: several chains may share a transport, and with it
// its connections.
var transports sync.Map // of weak.Pointer[http.Transport] to *protocols

// protocolsOf returns the protocols of a transport.
func protocolsOf(t *http.Transport) *protocols {
	key := weak.Make(t)
	p, known := transports.LoadOrStore(key, new(protocols))
	if !known {
		runtime.AddCleanup(t, func(key weak.Pointer[http.Transport]) { transports.Delete(key) }, key)
	}
	return p.(*protocols)
}

// of returns the major version, or 0 if it is not known.
func (p *protocols) of(host string) int {
	if hosts := p.hosts.Load(); hosts != nil {
		return (*hosts)[host]
	}
	return 0
}

func (p *protocols) note(host string, major int) {
	if p.of(host) == major {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	hosts := map[string]int{host: major}
	if old := p.hosts.Load(); old != nil && len(*old) < maxHosts {
		for k, v := range *old {
			if k != host {
				hosts[k] = v
			}
		}
	}
	p.hosts.Store(&hosts)
}
