package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// debug serves the pages that show what was spent.
type debug struct {
	*gate
	stack  *middleware.Stack
	rows   *rowStore
	room   *room
	series series
}

// A group is one of the groups of [ledger.Totals].
type group struct {
	name string
	ledger.Total
}

// Name returns the name, for the template.
func (g group) Name() string { return g.name }

// grouped returns the groups by their kind: model, tier, tag, and other for the rest where there are too many. In each kind
// the dearest group is first.
func grouped(totals ledger.Totals) map[string][]group {
	groups := map[string][]group{}
	for key, total := range totals.By {
		kind, name, _ := strings.Cut(key, ":")
		groups[kind] = append(groups[kind], group{name, total})
	}
	for _, list := range groups {
		slices.SortFunc(list, func(a, b group) int { return cmp.Or(b.Cost.Cmp(a.Cost), cmp.Compare(a.name, b.name)) })
	}
	return groups
}

// totals serves the totals.
func (d *debug) totals(w http.ResponseWriter, r *http.Request, _ url.Values) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(d.stack.Totals())
}

// entries serves the rows of attempts that began at since or later, and before until, the oldest first, one JSON object in
// each line, at most limit of them.
func (d *debug) entries(w http.ResponseWriter, r *http.Request, query url.Values) {
	f, limit, err := selection(query, time.Now())
	if err != nil {
		d.refuse(w, r, http.StatusBadRequest, "skinflint_request", err.Error())
		return
	}
	d.flush(r.Context())
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Trailer", incomplete)
	var line []byte
	for row, err := range d.rows.scan(r.Context(), f) {
		if err != nil {
			d.log.Error("entries.jsonl is not complete", "error", err)
			if !errors.As(err, new(*ledger.CorruptError)) {
				panic(http.ErrAbortHandler) // the status is sent already; the client must see that rows are missing
			}
			w.Header().Set(incomplete, "lines of the ledger cannot be read")
			continue
		}
		if limit == 0 {
			return
		}
		limit--
		line = append(row.AppendJSON(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return
		}
	}
}

// incomplete is the trailer of entries.jsonl that says why rows are missing.
const incomplete = prefix + "Incomplete"

// flush writes the latest rows, if that takes at most two seconds.
func (d *debug) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	d.rows.flush(ctx) // its error is among the writer's figures
}

// selection returns the rows that a query selects, and how many of them at most; -1 for all.
func selection(query url.Values, now time.Time) (f ledger.Filter, limit int, err error) {
	for name, at := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if query.Has(name) {
			if *at, err = moment(query.Get(name), now); err != nil {
				return f, 0, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if !f.Until.IsZero() && f.Until.Before(f.Since) {
		return f, 0, errors.New("until: it is before since")
	}
	if !query.Has("limit") {
		return f, -1, nil
	}
	if limit, err = strconv.Atoi(query.Get("limit")); err != nil || limit < 0 {
		return f, 0, fmt.Errorf("limit: %.64q is not a number of rows", query.Get("limit"))
	}
	return f, limit, nil
}

// moment parses a time, or a duration before now.
func moment(v string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(v); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil || t.IsZero() {
		return t, fmt.Errorf("%.64q is neither a time such as 2026-12-31T23:59:59Z nor a duration before now such as 1h", v)
	}
	return t, nil
}

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pagePolicy allows the page its own style sheet and nothing else.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// pageRows is how many rows the page shows, the latest ones.
const pageRows = 50

// page serves the totals and the latest rows as HTML.
func (d *debug) page(w http.ResponseWriter, r *http.Request, _ url.Values) {
	totals, rows := d.stack.Totals(), d.stack.Rows()
	rows = slices.Clone(rows[max(0, len(rows)-pageRows):])
	slices.Reverse(rows)
	groups := grouped(totals)
	type table struct {
		Title  string
		Groups []group
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, struct {
		Style   template.CSS
		Totals  ledger.Totals
		Tables  []table
		Rows    []ledger.Row
		Limits  []limitEntry
		Budgets []budgetEntry
		Kept    bool
		Stats   ledger.WriterStats
	}{
		Style: template.CSS(pageStyle), Totals: totals, Rows: rows, Limits: limitEntries(d.stack.Limits()), Budgets: budgetEntries(d.stack.Budgets()), Kept: d.rows.writer != nil, Stats: d.rows.stats(),
		Tables: []table{{"Model", groups["model"]}, {"Tier", groups["tier"]}, {"Tag", groups["tag"]}},
	})
	if err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Write(b.Bytes())
}
