package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// listen listens on the address of -listen. Beyond loopback that needs a token or -insecure-listen: every client that
// reaches the proxy can read what was spent, and can use up limits that the policy sets for all clients.
func listen(c config) (net.Listener, error) {
	address, err := net.ResolveTCPAddr("tcp", c.listen)
	if err != nil {
		return nil, fmt.Errorf("-listen %q: %w", c.listen, err)
	}
	if !address.IP.IsLoopback() && c.token == "" && !c.insecure {
		return nil, fmt.Errorf("-listen %s is not on loopback, and there is no token: "+
			"set SKINFLINT_TOKEN or -token, listen on 127.0.0.1, or add -insecure-listen", c.listen)
	}
	l, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("-listen: %w", err)
	}
	return l, nil
}

// parseUpstream parses the URL of -upstream.
func parseUpstream(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("-upstream is missing: give the URL of the provider, for OpenAI https://api.openai.com")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("-upstream is not a URL") // it may hold a secret
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("-upstream: want http://HOST or https://HOST, and a path if the provider needs one")
	case u.User != nil:
		return nil, errors.New("-upstream has a user or a password: remove it; clients send their own keys")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("-upstream has a query or a fragment: want a URL to which a path can be added")
	}
	// The path that is added begins with a slash.
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.EscapedPath(), "/")
	return u, nil
}

// target returns the URL of a request at the provider: the upstream's path and then the request's, byte for byte, and the
// request's query unchanged, even where Go's parser would reject it.
func target(upstream, in *url.URL) *url.URL {
	return &url.URL{
		Scheme: upstream.Scheme, Host: upstream.Host,
		Path: upstream.Path + in.Path, RawPath: upstream.RawPath + in.EscapedPath(),
		RawQuery: in.RawQuery, ForceQuery: in.ForceQuery,
	}
}
