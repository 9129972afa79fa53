package main

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A metric is one figure of a [ledger.Total]. Its value is exact: an amount of money is a decimal, never rounded.
type metric struct {
	name, kind, help string
	value            func(*ledger.Total) string
}

// totalMetrics are the figures of a Total. A figure that is meant to fall, as when the cost of a call becomes known later, is a
// gauge.
var totalMetrics = []metric{
	{"calls_total", "counter", "Calls that programs made.", func(t *ledger.Total) string { return strconv.FormatInt(t.Calls, 10) }},
	{"attempts_total", "counter", "HTTP attempts of calls.", func(t *ledger.Total) string { return strconv.FormatInt(t.Attempts, 10) }},
	{"cost_usd_total", "counter", "Known cost of calls, in US dollars.", func(t *ledger.Total) string { return t.Cost.String() }},
	{"list_usd_total", "counter", "Price of the same usage on the standard tier without caching, in US dollars.", func(t *ledger.Total) string { return t.List.String() }},
	{"storage_usd", "gauge", "Storage cost of context caches, in US dollars.", func(t *ledger.Total) string { return t.Storage.String() }},
	{"saved_usd", "gauge", "What was saved: list price less cost, storage and what the provider's own caching saved, in US dollars.", func(t *ledger.Total) string { return t.Saved.String() }},
	{"exposure_usd", "gauge", "Upper bound of what may have been spent in addition to the cost, in US dollars.", func(t *ledger.Total) string { return t.Exposure.String() }},
	{"unpriced", "gauge", "Attempts of unknown cost.", func(t *ledger.Total) string { return strconv.FormatInt(t.Unpriced, 10) }},
}

// metrics serves the totals in Prometheus' text format, version 0.0.4. The totals of all calls have other names than those by
// model and by tier, so that a sum over the labels of one name counts nothing twice. Tags are left out, as there may be any
// number of them.
func (d *debug) metrics(w http.ResponseWriter, _ *http.Request, _ url.Values) {
	all, groups := d.series.update(d.stack.Totals())
	var b bytes.Buffer
	for _, m := range totalMetrics {
		head(&b, "skinflint_"+m.name, m.kind, m.help)
		sample(&b, "skinflint_"+m.name, m.value(&all))
	}
	for _, kind := range seriesKinds {
		for _, m := range totalMetrics {
			name := "skinflint_" + kind + "_" + m.name
			head(&b, name, m.kind, "By "+kind+": "+m.help)
			for _, g := range groups[kind] {
				sample(&b, name, m.value(&g.Total), kind, g.name)
			}
		}
	}
	stats := d.rows.stats()
	head(&b, "skinflint_ledger_queued", "gauge", "Rows waiting to be written to the ledger.")
	sample(&b, "skinflint_ledger_queued", strconv.Itoa(stats.Queued))
	head(&b, "skinflint_ledger_written_total", "counter", "Rows written to the ledger.")
	sample(&b, "skinflint_ledger_written_total", strconv.FormatInt(stats.Written, 10))
	head(&b, "skinflint_ledger_lost_total", "counter", "Rows that could not be written to the ledger.")
	sample(&b, "skinflint_ledger_lost_total", strconv.FormatInt(stats.Lost, 10))
	taken, refused := d.room.stats()
	head(&b, "skinflint_body_bytes", "gauge", "Memory for the bodies of running calls, in bytes. -body-memory bounds it.")
	sample(&b, "skinflint_body_bytes", strconv.FormatInt(taken, 10))
	head(&b, "skinflint_body_refused_total", "counter", "Calls that were refused because there was no memory for their bodies.")
	sample(&b, "skinflint_body_refused_total", strconv.FormatInt(refused, 10))
	d.limitMetrics(&b)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(b.Bytes())
}

// head writes the lines that describe a metric.
func head(b *bytes.Buffer, name, kind, help string) {
	b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one value of a metric, with labels and their values in turn. A label of no value is left out.
func sample(b *bytes.Buffer, name, number string, labels ...string) {
	b.WriteString(name)
	open := "{"
	for i := 0; i+1 < len(labels); i += 2 {
		if labels[i+1] != "" {
			b.WriteString(open + labels[i] + `="` + escapes.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")) + `"`)
			open = ","
		}
	}
	if open == "," {
		b.WriteString("}")
	}
	b.WriteString(" " + number + "\n")
}

// escapes escapes the value of a label.
var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
