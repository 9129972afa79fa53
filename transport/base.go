package transport

import (
	"net"
	"net/http"
	"time"
)

// BaseIdleTimeout is how long [Base] keeps an unused connection. It is shorter than what servers keep: a server that
// closes a connection just as a POST is written to it ends that POST ambiguously, and an ambiguous POST is not resent.
const BaseIdleTimeout = 30 * time.Second

// Base returns a new transport for answers that may take half an hour. It has the defaults of net/http, including the proxy
// of the environment, with two differences. The wait for an answer has no limit; probes on TCP and pings on HTTP/2 notice a
// dead peer instead. Up to 32 unused connections per host are kept, for [BaseIdleTimeout].
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
