package transport

import (
	"net"
	"net/http"
	"time"
)

// BaseIdleTimeout is how long [Base] keeps an unused connection. It is shorter than what servers keep: a server that
// closes a connection just as a POST is written to it ends that POST ambiguously, and an ambiguous POST is not resent.
const BaseIdleTimeout = 30 * time.Second

// Base returns a new transport fit for answers that take up to half an hour: net/http's default settings, the proxy
// environment among them, without any limit on the wait for an answer, with keep-alive probes on TCP and pings on
// HTTP/2 (so that a dead peer is noticed all the same), and with [BaseIdleTimeout].
func Base() *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       BaseIdleTimeout,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
}
