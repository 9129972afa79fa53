package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// stripCaller removes the headers that do not go to the provider, in any case: the proxy's own, and those that say who calls or
// which way the request came. The provider gets the request from the proxy. What an SDK says about itself and about the call
// goes on: Authorization and other keys, User-Agent, X-Stainless-, X-Goog-, Anthropic-, OpenAI- and so on.
//
// Headers of one connection, and those that Connection names, are removed by ReverseProxy.
func stripCaller(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return ours(name) || ofCaller(strings.ToLower(name)) })
}

// ofCaller reports whether a header says who calls or which way the request came. Its name is in lower case.
func ofCaller(name string) bool {
	contains := func(part string) bool { return strings.Contains(name, part) }
	begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	switch {
	case slices.ContainsFunc(kept, begins):
		return false
	case slices.Contains(callerNames, name):
		return true
	}
	return slices.ContainsFunc(callerPrefixes, begins) || slices.ContainsFunc(callerParts, contains)
}

// kept are the beginnings of headers that the rules below would remove, and that the upstream needs: of the handshake of a
// WebSocket, and of Cloudflare's AI Gateway and the tokens for a service behind Cloudflare Access.
var kept = []string{"sec-websocket-", "cf-aig-", "cf-access-client-"}

// callerNames are whole names: of what a browser sends along, and of what proxies and servers add about a request.
var callerNames = []string{
	"cookie", "cookie2", "origin", "referer", "from", "dnt", "baggage", "upgrade-insecure-requests",
	"via", "cdn-loop", "max-forwards", "x-host", "x-original-host", "x-original-url", "x-original-uri", "x-rewrite-url", "x-scheme", "x-url-scheme",
	"remote-addr", "remote-host", "remote-user", "remote-email", "remote-groups", "remote-name",
	"x-remote-addr", "x-remote-host", "x-remote-user", "x-remote-email", "x-remote-group", "x-remote-groups",
	"x-user", "x-user-id", "x-user-email", "x-user-name", "x-username", "x-email", "x-webauth-user", "x-amzn-trace-id", "x-cloud-trace-context",
}

// callerPrefixes are beginnings of names: of what browsers say about themselves, and of what services in front of the proxy add,
// among it the user that they have let in.
var callerPrefixes = []string{
	"sec-", "cf-", "x-envoy-", "x-appengine-", "x-azure-", "x-arr-", "x-vercel-", "x-nf-", "fly-", "fastly-", "akamai-", "x-akamai-",
	"x-amzn-oidc-", "x-amz-cf-", "cloudfront-", "x-auth-request-", "x-authentik-", "x-authenticated-", "x-goog-authenticated-", "x-goog-iap-",
	"x-ms-client-principal", "x-ms-token-", "tailscale-", "x-client-cert", "x-ssl-client", "ssl-client-", "x-pomerium-", "x-geo", "x-country",
}

// callerParts occur in the many names that proxies have for the address of a client, such as X-Real-IP and True-Client-IP.
var callerParts = []string{
	"forwarded", "real-ip", "realip", "client-ip", "clientip", "connecting-ip", "connection-ip", "remote-ip", "remoteip", "user-ip", "userip",
	"source-ip", "sourceip", "peer-ip", "originating-ip", "remote-port", "client-port", "client-host", "client-addr", "proxyuser",
}
