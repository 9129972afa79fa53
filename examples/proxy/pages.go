package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A page is one of the proxy's own pages.
type page struct {
	open       bool     // it needs no token
	parameters []string // of its query
	show       func(w http.ResponseWriter, r *http.Request, query url.Values)
}

// pages returns the proxy's own pages by their path.
func (s *server) pages(g *gate) map[string]*page {
	d := &debug{gate: g, stack: s.stack, rows: s.rows, room: s.room}
	return map[string]*page{
		"/healthz":                   {open: true, show: s.health},
		"/debug/spend":               {show: toSpend},
		"/debug/spend/":              {show: d.page},
		"/debug/spend/totals.json":   {show: d.totals},
		"/debug/spend/entries.jsonl": {parameters: []string{"since", "until", "limit"}, show: d.entries},
		"/debug/spend/limits.json":   {show: d.limits},
		"/metrics":                   {show: d.metrics},
	}
}

func toSpend(w http.ResponseWriter, r *http.Request, _ url.Values) {
	http.Redirect(w, r, "/debug/spend/", http.StatusFound)
}

// serve shows the page to a client that may see it.
func (p *page) serve(g *gate, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !p.open && !g.admitReader(w, r) {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		g.refuse(w, r, http.StatusMethodNotAllowed, "skinflint_request", "skinflint: this is a page of the proxy itself, which is not forwarded: want GET or HEAD")
		return
	}
	query, err := p.query(r.URL.RawQuery)
	if err != nil {
		g.refuse(w, r, http.StatusBadRequest, "skinflint_request", err.Error())
		return
	}
	p.show(w, r, query)
}

// query parses the query of a request for the page. A parameter that the page does not have is an error: otherwise a misspelled
// one would select nothing.
func (p *page) query(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("the query cannot be parsed: want NAME=VALUE, separated by &")
	}
	known := "this page has none"
	if len(p.parameters) > 0 {
		known = "known are " + strings.Join(p.parameters, ", ")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(p.parameters, name):
			return nil, fmt.Errorf("the query parameter %.64q is not known; %s", name, known)
		case len(values) != 1:
			return nil, fmt.Errorf("%s: it occurs %d times; want it once", name, len(values))
		}
	}
	return query, nil
}
