package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// listen listens where the flags say. Beyond loopback that takes a token, or the word that none is wanted: whoever reaches
// the proxy reads what was spent, and by a policy that names no client has its limits to himself.
func listen(c config) (net.Listener, error) {
	address, err := net.ResolveTCPAddr("tcp", c.listen)
	if err != nil {
		return nil, fmt.Errorf("-listen %q: %w", c.listen, err)
	}
	if !address.IP.IsLoopback() && c.token == "" && !c.insecure {
		return nil, fmt.Errorf("-listen %s is not on loopback, and there is no token: "+
			"set SKINFLINT_TOKEN or -token, or listen on 127.0.0.1, or say -insecure-listen", c.listen)
	}
	l, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("-listen: %w", err)
	}
	return l, nil
}

// parseUpstream reads the URL that calls go to.
func parseUpstream(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("-upstream is missing: where do calls go? For OpenAI it is https://api.openai.com")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("-upstream is not a URL") // it may hold a secret
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("-upstream: want http://HOST or https://HOST, with a path if need be")
	case u.User != nil:
		return nil, errors.New("-upstream has a user or a password in it: clients send their keys themselves")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("-upstream has a query or a fragment: want a URL that paths can be added to")
	}
	// What follows begins with a slash of its own.
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.EscapedPath(), "/")
	return u, nil
}

// target returns where upstream a request goes: its path behind the upstream's own, byte for byte, and its query as it
// stands, with what Go's parser would not have.
func target(upstream, in *url.URL) *url.URL {
	return &url.URL{
		Scheme: upstream.Scheme, Host: upstream.Host,
		Path: upstream.Path + in.Path, RawPath: upstream.RawPath + in.EscapedPath(),
		RawQuery: in.RawQuery, ForceQuery: in.ForceQuery,
	}
}
