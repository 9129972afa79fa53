package main

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A metric is one of a [ledger.Total]. Its value is exact: amounts of money are the decimals that they are.
type metric struct {
	name, kind, help string
	value            func(*ledger.Total) string
}

// totalMetrics are those of a Total. What a bill or a refund can lower is a gauge.
var totalMetrics = []metric{
	{"calls_total", "counter", "Calls that programs made.", func(t *ledger.Total) string { return strconv.FormatInt(t.Calls, 10) }},
	{"attempts_total", "counter", "HTTP attempts of calls.", func(t *ledger.Total) string { return strconv.FormatInt(t.Attempts, 10) }},
	{"cost_usd_total", "counter", "What calls cost, in US dollars, as far as it is known.", func(t *ledger.Total) string { return t.Cost.String() }},
	{"list_usd_total", "counter", "What the same usage lists at: on the standard tier, nothing cached.", func(t *ledger.Total) string { return t.List.String() }},
	{"storage_usd", "gauge", "What context caches cost to keep.", func(t *ledger.Total) string { return t.Storage.String() }},
	{"saved_usd", "gauge", "List less cost, storage, exposure, and what the provider's own caching took off.", func(t *ledger.Total) string { return t.Saved.String() }},
	{"exposure_usd", "gauge", "What may have been spent beside the cost, at most, and cannot be known.", func(t *ledger.Total) string { return t.Exposure.String() }},
	{"unpriced_total", "counter", "Attempts whose cost is not known.", func(t *ledger.Total) string { return strconv.FormatInt(t.Unpriced, 10) }},
}

// metrics answers in Prometheus' text format, version 0.0.4. The sums of all calls stand under names of their own, so that
// a sum over the labels of a name counts nothing twice; tags, which a program may have without end, are left out.
func (d *debug) metrics(w http.ResponseWriter, r *http.Request) {
	totals := d.stack.Totals()
	groups := grouped(totals)
	var b bytes.Buffer
	for _, m := range totalMetrics {
		head(&b, "skinflint_"+m.name, m.kind, m.help)
		sample(&b, "skinflint_"+m.name, "", "", m.value(&totals.Total))
	}
	for _, kind := range []string{"model", "tier"} {
		for _, m := range totalMetrics {
			name := "skinflint_" + kind + "_" + m.name
			head(&b, name, m.kind, "By "+kind+": "+m.help)
			for _, g := range dearest(groups[kind]) {
				sample(&b, name, kind, g.name, m.value(&g.Total))
			}
		}
	}
	stats := d.books.stats()
	head(&b, "skinflint_ledger_queued", "gauge", "Rows that wait to be written to the ledger.")
	sample(&b, "skinflint_ledger_queued", "", "", strconv.Itoa(stats.Queued))
	head(&b, "skinflint_ledger_written_total", "counter", "Rows that were written to the ledger.")
	sample(&b, "skinflint_ledger_written_total", "", "", strconv.FormatInt(stats.Written, 10))
	head(&b, "skinflint_ledger_lost_total", "counter", "Rows that could not be written to the ledger.")
	sample(&b, "skinflint_ledger_lost_total", "", "", strconv.FormatInt(stats.Lost, 10))
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(b.Bytes())
}

// maxSeries is how many models are shown, as the names of models are whatever clients say. The rest is one series.
const maxSeries = 200

// dearest returns the groups that cost most, and one for all others.
func dearest(groups []group) []group {
	if len(groups) <= maxSeries {
		return groups
	}
	groups = slices.Clone(groups)
	slices.SortStableFunc(groups, func(a, b group) int { return b.Cost.Cmp(a.Cost) })
	rest := group{name: "(others)"}
	for _, g := range groups[maxSeries:] {
		rest.AddTotal(g.Total)
	}
	return append(groups[:maxSeries:maxSeries], rest)
}

func head(b *bytes.Buffer, name, kind, help string) {
	b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

func sample(b *bytes.Buffer, name, label, value, number string) {
	b.WriteString(name)
	if label != "" {
		b.WriteString("{" + label + `="` + labels.Replace(strings.ToValidUTF8(value, "\uFFFD")) + `"}`)
	}
	b.WriteString(" " + number + "\n")
}

// labels escapes what the format wants escaped in a label's value.
var labels = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
