package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// quotasOf returns the limits that the body of a 429 names; e is its error. These forms are known:
//
//	... on tokens per min (TPM): Limit 200000, Used 130491, Requested 75418. ...        OpenAI, Groq
//	... your organization's rate limit of 450,000 input tokens per minute ...           Anthropic
//	... limited to 1 requests per minute ..., and the headers in error.metadata         OpenRouter
//	{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "25"}    Google: google.rpc.QuotaFailure
//	{"quota_limit": "GenerateContentRequestsPerMinute...", "quota_limit_value": "60"}   Google: google.rpc.ErrorInfo
//
// Source: recorded traffic and public issue threads of 2025 and 2026.
func quotasOf(r *Response, e *apiError) []Quota {
	quotas := append(abbreviatedQuotas(e.message), spelledQuotas(e.message)...)
	if bytes.Contains(r.Body, []byte("uota")) || bytes.Contains(r.Body, []byte(`"metadata"`)) {
		quotas = append(quotas, detailedQuotas(r, e)...)
	}
	return quotas[:min(len(quotas), maxQuotas)]
}

// quotaAbbreviations are OpenAI's and Groq's names of limits.
var quotaAbbreviations = [...]struct {
	text   string
	unit   QuotaUnit
	window time.Duration
}{
	{"(RPM)", QuotaRequests, time.Minute}, {"(RPD)", QuotaRequests, day},
	{"(TPM)", QuotaTokens, time.Minute}, {"(TPD)", QuotaTokens, day},
	{"(ITPM)", QuotaInputTokens, time.Minute}, {"(OTPM)", QuotaOutputTokens, time.Minute},
}

// abbreviatedQuotas reads a message of OpenAI's form. What remains is what is not used, and is less than was requested.
func abbreviatedQuotas(message string) (quotas []Quota) {
	for _, a := range quotaAbbreviations {
		_, after, ok := strings.Cut(message, a.text)
		if !ok {
			continue
		}
		limit, ok := numberAfter(after, "Limit ")
		if !ok || limit > maxQuota {
			continue
		}
		q := Quota{Unit: a.unit, Window: a.window, Limit: limit, Remaining: -1, Reset: -1}
		if used, ok := numberAfter(after, "Used "); ok {
			q.Remaining = max(0, limit-used)
		}
		quotas = append(quotas, q)
	}
	return quotas
}

// spelledQuotas reads a message that says it in words: a number, a unit, and "per minute" or "per day".
func spelledQuotas(message string) (quotas []Quota) {
	if !strings.Contains(message, "limit") {
		return nil
	}
	words := strings.Fields(message)
	for i := 2; i+1 < len(words); i++ {
		window := windowNamed(strings.TrimRight(words[i+1], ".,;:)"))
		if words[i] != "per" || window == 0 {
			continue
		}
		q := Quota{Window: window, Remaining: -1, Reset: -1}
		number := i - 2
		switch words[i-1] {
		case "requests", "request":
		case "tokens":
			q.Unit = QuotaTokens
			switch words[i-2] {
			case "input":
				q.Unit, number = QuotaInputTokens, i-3
			case "output":
				q.Unit, number = QuotaOutputTokens, i-3
			}
		default:
			continue
		}
		if number < 0 {
			continue
		}
		if q.Limit = quotaCount(strings.ReplaceAll(words[number], ",", "")); q.Limit >= 0 {
			quotas = append(quotas, q)
		}
	}
	return quotas
}

// windowNamed returns the window of a word; 0 if it is none.
func windowNamed(word string) time.Duration {
	switch word {
	case "minute", "min":
		return time.Minute
	case "day":
		return day
	}
	return 0
}

// An errorDetail is one of Google's details of an error.
type errorDetail struct {
	Violations []struct {
		Metric string `json:"quotaMetric"`
		ID     string `json:"quotaId"`
		Value  any    `json:"quotaValue"`
	} `json:"violations"`
	Metadata struct {
		Metric string `json:"quota_metric"`
		Limit  string `json:"quota_limit"`
		Value  any    `json:"quota_limit_value"`
	} `json:"metadata"`
}

// detailedQuotas reads the details of Google's errors, and the headers that OpenRouter passes on.
func detailedQuotas(r *Response, e *apiError) (quotas []Quota) {
	var document struct {
		Error struct {
			Details  []errorDetail `json:"details"`
			Metadata struct {
				Headers map[string]any `json:"headers"`
			} `json:"metadata"`
		} `json:"error"`
	}
	body := bytes.TrimSpace(r.Body)
	if len(body) > 1 && body[0] == '[' { // Google's OpenAI-compatible API
		body = body[1 : len(body)-1]
	}
	_ = json.Unmarshal(body, &document) // a member of another type is left out, and the others are read
	for _, d := range document.Error.Details {
		for _, v := range d.Violations {
			quotas = appendGoogleQuota(quotas, r.At, v.ID, v.Metric, v.Value)
		}
		quotas = appendGoogleQuota(quotas, r.At, d.Metadata.Limit, d.Metadata.Metric, d.Metadata.Value)
	}
	h := http.Header{}
	for name, value := range document.Error.Metadata.Headers {
		if text, ok := value.(string); ok {
			h.Set(name, text)
		}
	}
	for _, q := range ReadQuotas(nil, h, r.At) {
		if q.Window == 0 && strings.Contains(e.message, "per-day") {
			q.Window = day
		}
		quotas = append(quotas, q)
	}
	return quotas
}

// appendGoogleQuota appends a quota that Google says is exceeded. A quota of requests, or of a day, is then used up. One of the
// tokens of a minute is only too low for the request. When a day's quota is back is documented; the delay that such an error
// asks for is too short by hours.
func appendGoogleQuota(quotas []Quota, at time.Time, id, metric string, value any) []Quota {
	if id == "" {
		return quotas
	}
	q := Quota{Limit: -1, Remaining: -1, Reset: -1}
	if text, ok := value.(string); ok {
		q.Limit = quotaCount(text)
	}
	name := squeezed([]byte(id + " " + metric))
	switch {
	case strings.Contains(name, "storage"):
		return quotas // of context caches: it is not about calls
	case strings.Contains(name, "inputtoken"):
		q.Unit = QuotaInputTokens
	case strings.Contains(name, "outputtoken"):
		q.Unit = QuotaOutputTokens
	case strings.Contains(name, "token"):
		q.Unit = QuotaTokens
	case strings.Contains(name, "request"):
		q.Remaining = 0
	default:
		return quotas
	}
	switch {
	case strings.Contains(name, "perday"):
		q.Window, q.Remaining, q.Reset = day, 0, untilPacificMidnight(at)
	case strings.Contains(name, "perminute"):
		q.Window = time.Minute
	}
	if q.Limit < 0 && q.Remaining < 0 {
		return quotas
	}
	return append(quotas, q)
}

// untilPacificMidnight returns how long Google's day still takes.
func untilPacificMidnight(at time.Time) time.Duration {
	google := Metering{Zone: pacific}
	year, month, date := at.In(google.Location()).Date()
	return time.Date(year, month, date+1, 0, 0, 0, 0, google.Location()).Sub(at)
}
