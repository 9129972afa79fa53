package ledger

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
)

// csvColumns are the columns of [WriteCSV].
var csvColumns = []struct {
	name  string
	value func(*Row) string
}{
	{"call", func(r *Row) string { return r.Call }},
	{"attempt", func(r *Row) string { return strconv.Itoa(r.Attempt) }},
	{"parent", func(r *Row) string { return r.Parent }},
	{"at", func(r *Row) string { return r.At.UTC().Format(time.RFC3339Nano) }},
	{"provider", func(r *Row) string { return r.Provider }},
	{"operation", func(r *Row) string { return r.Operation }},
	{"model", func(r *Row) string { return r.Model }},
	{"served_model", func(r *Row) string { return r.ServedModel }},
	{"asked_tier", func(r *Row) string { return string(r.AskedTier) }},
	{"served_tier", func(r *Row) string { return string(r.ServedTier) }},
	{"cache", func(r *Row) string { return r.Cache }},
	{"outcome", func(r *Row) string { return string(r.Outcome) }},
	{"evidence", func(r *Row) string { return string(r.Evidence) }},
	{"reason", func(r *Row) string { return string(r.Reason) }},
	{"status", func(r *Row) string { return strconv.Itoa(r.Status) }},
	{"error_code", func(r *Row) string { return r.ErrorCode }},
	{"request_id", func(r *Row) string { return r.RequestID }},
	{"response_id", func(r *Row) string { return r.ResponseID }},
	{"stream", func(r *Row) string { return strconv.FormatBool(r.Stream) }},
	{"input", func(r *Row) string { return number(r.Usage.Input) }},
	{"cached_input", func(r *Row) string { return number(r.Usage.CachedInput) }},
	{"cache_write", func(r *Row) string { return number(r.Usage.CacheWrite) }},
	{"output", func(r *Row) string { return number(r.Usage.Output) }},
	{"reasoning", func(r *Row) string { return number(r.Usage.Reasoning) }},
	{"usage", func(r *Row) string { return string(r.Usage.AppendJSON(nil)) }},
	{"usage_source", func(r *Row) string { return string(r.UsageSource) }},
	{"cost_usd", func(r *Row) string { return amount(r.Cost) }},
	{"list_usd", func(r *Row) string { return amount(r.List) }},
	{"implicit_usd", func(r *Row) string { return amount(r.Implicit) }},
	{"explicit_usd", func(r *Row) string { return amount(r.Explicit) }},
	{"exposure_usd", func(r *Row) string { return amount(r.Exposure) }},
	{"reported_usd", func(r *Row) string { return amount(r.Reported) }},
	{"price_id", func(r *Row) string { return r.PriceID }},
	{"unpriced", func(r *Row) string { return r.Unpriced }},
	{"settles", func(r *Row) string { return strconv.FormatBool(r.Settles) }},
	{"skipped", func(r *Row) string { return r.Skipped }},
	{"wire_tries", func(r *Row) string { return strconv.Itoa(r.WireTries) }},
	{"wait_ms", func(r *Row) string { return number(r.WaitMS) }},
	{"latency_ms", func(r *Row) string { return number(r.LatencyMS) }},
	{"sdk_retry", func(r *Row) string { return strconv.Itoa(r.SDKRetry) }},
	{"tags", tagsText},
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// amount returns the exact decimal, or the empty string if the amount is unknown.
func amount(a Amount) string {
	if !a.Known {
		return ""
	}
	return a.Pico.String()
}

// tagsText returns tags as a JSON object.
func tagsText(r *Row) string {
	if len(r.Tags) == 0 {
		return ""
	}
	text, _ := json.Marshal(r.Tags) // a map of texts always has a JSON form
	return string(text)
}

// WriteCSV writes the rows as CSV with a header. Money is an exact decimal, or empty if it is unknown. Usage and tags are
// JSON objects; the most frequent counts also have columns of their own. A text that a spreadsheet would read as a formula
// gets an apostrophe before it. WriteCSV stops at the first error of the rows or of w and returns it.
func WriteCSV(w io.Writer, rows iter.Seq2[Row, error]) error {
	out := csv.NewWriter(w)
	record := make([]string, len(csvColumns))
	for i, c := range csvColumns {
		record[i] = c.name
	}
	if err := out.Write(record); err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			out.Flush()
			return err
		}
		for i, c := range csvColumns {
			record[i] = harmless(c.value(&row))
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// harmless returns the text in a form that a spreadsheet does not read as a formula. A negative number stays as it is.
func harmless(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if rest := strings.TrimLeft(s[1:], "0123456789."); s[0] == '-' && rest == "" {
		return s
	}
	return "'" + s
}
