package ledger

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the row to b as one JSON object without a line break. It writes the same bytes as [json.Marshal],
// several times as fast. This is the format of a line in the JSONL segments and in entries.jsonl.
func (r *Row) AppendJSON(b []byte) []byte {
	b = appendString(append(b, `{"call":`...), r.Call)
	b = strconv.AppendInt(append(b, `,"attempt":`...), int64(r.Attempt), 10)
	b = appendText(b, `,"parent":`, r.Parent)
	b = appendTime(append(b, `,"at":`...), r.At)
	b = appendString(append(b, `,"provider":`...), r.Provider)
	b = appendString(append(b, `,"operation":`...), r.Operation)
	b = appendText(b, `,"model":`, r.Model)
	b = appendText(b, `,"served_model":`, r.ServedModel)
	b = appendText(b, `,"asked_tier":`, string(r.AskedTier))
	b = appendText(b, `,"served_tier":`, string(r.ServedTier))
	b = appendText(b, `,"cache":`, r.Cache)
	b = appendString(append(b, `,"outcome":`...), string(r.Outcome))
	b = appendText(b, `,"evidence":`, string(r.Evidence))
	b = appendText(b, `,"reason":`, string(r.Reason))
	b = appendInt(b, `,"status":`, int64(r.Status))
	b = appendText(b, `,"error_code":`, r.ErrorCode)
	b = appendText(b, `,"request_id":`, r.RequestID)
	b = appendText(b, `,"response_id":`, r.ResponseID)
	if r.Stream {
		b = append(b, `,"stream":true`...)
	}
	b = r.Usage.AppendJSON(append(b, `,"usage":`...))
	b = appendString(append(b, `,"usage_source":`...), string(r.UsageSource))
	b = appendAmount(b, `,"cost_usd":"`, r.Cost)
	b = appendAmount(b, `,"list_usd":"`, r.List)
	b = appendAmount(b, `,"implicit_usd":"`, r.Implicit)
	b = appendAmount(b, `,"explicit_usd":"`, r.Explicit)
	b = appendAmount(b, `,"exposure_usd":"`, r.Exposure)
	b = appendAmount(b, `,"reported_usd":"`, r.Reported)
	b = appendText(b, `,"price_id":`, r.PriceID)
	b = appendText(b, `,"unpriced":`, r.Unpriced)
	if r.Settles {
		b = append(b, `,"settles":true`...)
	}
	b = appendText(b, `,"skipped":`, r.Skipped)
	b = appendInt(b, `,"wire_tries":`, int64(r.WireTries))
	b = strconv.AppendInt(append(b, `,"wait_ms":`...), r.WaitMS, 10)
	b = strconv.AppendInt(append(b, `,"latency_ms":`...), r.LatencyMS, 10)
	b = appendInt(b, `,"sdk_retry":`, int64(r.SDKRetry))
	return append(appendTags(b, r.Tags), '}')
}

// appendText appends a member, unless the text is empty. The name has its punctuation with it.
func appendText(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, name...), s)
}

// appendString appends a JSON string. If a byte needs escaping, which is rare, encoding/json does it.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if !bare[s[i]] {
			quoted, _ := json.Marshal(s) // a string always has a JSON form
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// bare has the bytes that a JSON string contains unescaped.
var bare = func() (t [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return t
}()

// appendTime appends a time as in RFC 3339. A time whose year does not have four digits, which no attempt has, is written
// as the zero time.
func appendTime(b []byte, t time.Time) []byte {
	if year := t.Year(); year < 0 || year > 9999 {
		t = time.Time{}
	}
	b = t.AppendFormat(append(b, '"'), time.RFC3339Nano)
	return append(b, '"')
}

func appendInt(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), n, 10)
}

func appendAmount(b []byte, name string, a Amount) []byte {
	if !a.Known {
		return b
	}
	return append(a.Pico.Append(append(b, name...)), '"')
}

func appendTags(b []byte, tags map[string]string) []byte {
	if len(tags) == 0 {
		if tags != nil {
			return append(b, `,"tags":{}`...)
		}
		return b
	}
	b = append(b, `,"tags":{`...)
	if len(tags) == 1 { // the most frequent case, which needs no sorting
		for name, value := range tags {
			b = appendTag(b, name, value)
		}
		return append(b, '}')
	}
	var room [8]string
	names := room[:0]
	for name := range tags {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTag(b, name, tags[name])
	}
	return append(b, '}')
}

func appendTag(b []byte, name, value string) []byte {
	return appendString(append(appendString(b, name), ':'), value)
}
