package middleware

import (
	"sync"
	"sync/atomic"
)

// maxHosts is how many hosts' protocols are remembered.
const maxHosts = 1024

// protocols remember which version of HTTP hosts have last answered in. The zero protocols know none.
type protocols struct {
	mu    sync.Mutex
	hosts atomic.Pointer[map[string]int] // never written to
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
