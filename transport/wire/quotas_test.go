package wire_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

var quotaTime = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

const (
	groqURL      = "https://api.groq.com/openai/v1/chat/completions"
	azureChatURL = "https://x.openai.azure.com/openai/v1/chat/completions"
	cerebrasURL  = "https://api.cerebras.ai/v1/chat/completions"
	mistralURL   = "https://api.mistral.ai/v1/chat/completions"
	bedrockURL   = "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions"
)

const oneDay = 24 * time.Hour

// headers returns a header of lines: "Name: value".
func headers(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		h.Add(name, strings.TrimSpace(value))
	}
	return h
}

func TestReadQuotas(t *testing.T) {
	for name, test := range map[string]struct {
		url    string // whose call it is
		header []string
		want   []wire.Quota
	}{
		"nothing": {chatURL, []string{"Content-Type: application/json", "X-Request-Id: 5"}, nil},
		"OpenAI": {chatURL, []string{
			"x-ratelimit-limit-requests: 5000", "x-ratelimit-remaining-requests: 4999", "x-ratelimit-reset-requests: 12ms",
			"x-ratelimit-limit-tokens: 2000000", "x-ratelimit-remaining-tokens: 1999968", "x-ratelimit-reset-tokens: 6m0s",
			"x-ratelimit-limit-project-tokens: 90000", "x-ratelimit-remaining-project-tokens: 1", "x-ratelimit-reset-project-tokens: 0s",
			"x-ratelimit-limit-input-images: 50000", "x-ratelimit-remaining-input-images: 49999",
		}, []wire.Quota{
			{Window: time.Minute, Limit: 5000, Remaining: 4999, Reset: 12 * time.Millisecond},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 90000, Remaining: 1, Reset: 0},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 2000000, Remaining: 1999968, Reset: 6 * time.Minute},
		}},
		"OpenAI, an account with a limit of a day": {chatURL, []string{
			"x-ratelimit-limit-requests: 10000", "x-ratelimit-remaining-requests: 9999", "x-ratelimit-reset-requests: 8.64s",
		}, []wire.Quota{{Window: oneDay, Limit: 10000, Remaining: 9999, Reset: 8640 * time.Millisecond}}},
		"Groq": {groqURL, []string{
			"x-ratelimit-limit-requests: 14400", "x-ratelimit-remaining-requests: 14370", "x-ratelimit-reset-requests: 2m59.56s",
			"x-ratelimit-limit-tokens: 18000", "x-ratelimit-remaining-tokens: 17997", "x-ratelimit-reset-tokens: 7.66s",
		}, []wire.Quota{
			{Window: oneDay, Limit: 14400, Remaining: 14370, Reset: 179560 * time.Millisecond},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 18000, Remaining: 17997, Reset: 7660 * time.Millisecond},
		}},
		"Anthropic": {anthropicURL, []string{
			"anthropic-ratelimit-requests-limit: 1000", "anthropic-ratelimit-requests-remaining: 999",
			"anthropic-ratelimit-requests-reset: 2026-11-29T12:00:09Z",
			"anthropic-ratelimit-input-tokens-limit: 450000", "anthropic-ratelimit-input-tokens-remaining: 449000",
			"anthropic-ratelimit-input-tokens-reset: 1970-01-01T00:00:00Z",
			"anthropic-ratelimit-output-tokens-limit: 90000", "anthropic-ratelimit-output-tokens-remaining: 90000",
			"anthropic-ratelimit-output-tokens-reset: 2026-11-29T13:00:00+01:00",
			"anthropic-ratelimit-tokens-limit: 540000", "anthropic-ratelimit-tokens-remaining: 539000",
			"anthropic-priority-input-tokens-limit: 10000", "anthropic-priority-input-tokens-remaining: 9618",
			"anthropic-ratelimit-unified-5h-reset: 1765944000", "anthropic-ratelimit-unified-status: allowed",
		}, []wire.Quota{
			{Window: time.Minute, Limit: 1000, Remaining: 999, Reset: 9 * time.Second},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 540000, Remaining: 539000, Reset: -1},
			{Unit: wire.QuotaInputTokens, Window: time.Minute, Limit: 450000, Remaining: 449000, Reset: 0},
			{Unit: wire.QuotaInputTokens, Window: time.Minute, Limit: 10000, Remaining: 9618, Reset: -1, Tier: policy.Priority},
			{Unit: wire.QuotaOutputTokens, Window: time.Minute, Limit: 90000, Remaining: 90000, Reset: 0},
		}},
		"a server with another clock": {anthropicURL, []string{
			"Date: Sun, 29 Nov 2026 13:00:00 GMT",
			"anthropic-ratelimit-requests-remaining: 0", "anthropic-ratelimit-requests-reset: 2026-11-29T13:00:05Z",
		}, []wire.Quota{{Window: time.Minute, Limit: -1, Remaining: 0, Reset: 5 * time.Second}}},
		"Azure, milliseconds": {azureChatURL, []string{
			"x-ratelimit-limit-requests: 50", "x-ratelimit-remaining-requests: 49", "x-ratelimit-reset-requests: 1200", "x-ratelimit-renewalperiod-requests: 60",
			"x-ratelimit-limit-tokens: 50000", "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 60000", "x-ratelimit-renewalperiod-tokens: 60",
		}, []wire.Quota{
			{Window: time.Minute, Limit: 50, Remaining: 49, Reset: 1200 * time.Millisecond},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 50000, Remaining: 0, Reset: time.Minute},
		}},
		"Azure, seconds": {azureChatURL, []string{
			"x-ratelimit-limit-requests: 50", "x-ratelimit-remaining-requests: 49", "x-ratelimit-reset-requests: 1", "x-ratelimit-renewalperiod-requests: 60",
			"x-ratelimit-limit-tokens: 50000", "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 60", "x-ratelimit-renewalperiod-tokens: 60",
		}, []wire.Quota{
			{Window: time.Minute, Limit: 50, Remaining: 49, Reset: time.Second},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 50000, Remaining: 0, Reset: time.Minute},
		}},
		"Cerebras": {cerebrasURL, []string{
			"x-ratelimit-limit-requests-day: 1000000000", "x-ratelimit-remaining-requests-day: 999997455", "x-ratelimit-reset-requests-day: 33011.5",
			"x-ratelimit-limit-tokens-minute: 1000000000", "x-ratelimit-remaining-tokens-minute: 999998298", "x-ratelimit-reset-tokens-minute: 11.25",
		}, []wire.Quota{
			{Window: oneDay, Limit: 1e9, Remaining: 999997455, Reset: 33011500 * time.Millisecond},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 1e9, Remaining: 999998298, Reset: 11250 * time.Millisecond},
		}},
		"Mistral": {mistralURL, []string{
			"x-ratelimit-limit-req-10-second: 60", "x-ratelimit-remaining-req-10-second: 58",
			"x-ratelimit-limit-req-minute: 360", "x-ratelimit-remaining-req-minute: 357",
			"x-ratelimit-limit-tokens-minute: 20000000", "x-ratelimit-remaining-tokens-minute: 19999989",
			"x-ratelimit-limit-tokens-month: 200000000000", "x-ratelimit-remaining-tokens-month: 199999999989",
			"x-ratelimit-tokens-query-cost: 11", "x-ratelimit-limit-audio-seconds-minute: 7200",
		}, []wire.Quota{
			{Window: 10 * time.Second, Limit: 60, Remaining: 58, Reset: -1},
			{Window: time.Minute, Limit: 360, Remaining: 357, Reset: -1},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 20000000, Remaining: 19999989, Reset: -1},
		}},
		"OpenRouter": {openRouterURL, []string{
			"X-RateLimit-Limit: 20", "X-RateLimit-Remaining: 0", fmt.Sprintf("X-RateLimit-Reset: %d", quotaTime.Add(7*time.Second).UnixMilli()),
		}, []wire.Quota{{Limit: 20, Remaining: 0, Reset: 7 * time.Second}}},
		"Together": {chatURL, []string{
			"x-ratelimit-limit: 2", "x-ratelimit-remaining: 1", "x-ratelimit-reset: 1", "x-tokenlimit-limit: 60000", "x-tokenlimit-remaining: 59000",
		}, []wire.Quota{
			{Limit: 2, Remaining: 1, Reset: time.Second},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 60000, Remaining: 59000, Reset: -1},
		}},
		"Fireworks": {chatURL, []string{
			"x-ratelimit-limit-tokens-prompt: 60000", "x-ratelimit-limit-tokens-generated: 6000", "x-ratelimit-limit-tokens-uncached-prompt: 600",
		}, []wire.Quota{
			{Unit: wire.QuotaInputTokens, Window: time.Minute, Limit: 60000, Remaining: -1, Reset: -1},
			{Unit: wire.QuotaOutputTokens, Window: time.Minute, Limit: 6000, Remaining: -1, Reset: -1},
		}},
		"tokens of a day, as a moment": {chatURL, []string{
			"x-ratelimit-limit-tokens-per-day: 100", "x-ratelimit-remaining-tokens-per-day: 0",
			fmt.Sprintf("x-ratelimit-reset-tokens-per-day: %d", quotaTime.Add(time.Hour).Unix()),
		}, []wire.Quota{{Unit: wire.QuotaTokens, Window: oneDay, Limit: 100, Remaining: 0, Reset: time.Hour}}},
		"xAI, no limit": {chatURL, []string{
			"x-ratelimit-limit-tokens: 18446744073709551615", "x-ratelimit-remaining-tokens: 9223372036854775807", "x-ratelimit-limit-requests: 480",
		}, []wire.Quota{{Window: time.Minute, Limit: 480, Remaining: -1, Reset: -1}}},
		"the IETF's draft": {chatURL, []string{
			`RateLimit-Policy: "burst";q=100;w=60, "daily";q=1000;w=86400;qu="requests", "bytes";q=5;w=1;qu="content-bytes"`,
			`RateLimit: "burst";r=50;t=30,"tokens";r=9`,
		}, []wire.Quota{
			{Window: time.Minute, Limit: 100, Remaining: 50, Reset: 30 * time.Second},
			{Window: oneDay, Limit: 1000, Remaining: -1, Reset: -1},
			{Unit: wire.QuotaTokens, Limit: -1, Remaining: 9, Reset: -1},
		}},
		"an early draft of the IETF": {chatURL, []string{
			"RateLimit-Limit: 100, 100;w=60", "RateLimit-Remaining: 7", "RateLimit-Reset: 3",
		}, []wire.Quota{{Limit: 100, Remaining: 7, Reset: 3 * time.Second}}},
		"what is no count": {chatURL, []string{
			"x-ratelimit-limit-requests: 1e309", "x-ratelimit-remaining-requests: -5", "x-ratelimit-reset-requests: NaN",
			"x-ratelimit-limit-tokens: 5.5", "x-ratelimit-remaining-tokens: 7", "x-ratelimit-reset-tokens: -1s",
			"x-ratelimit-limit-tokens-day: 0x10", "x-ratelimit-remaining-tokens-day: 3", "x-ratelimit-reset-tokens-day: Inf",
			"x-ratelimit-limit-requests-day: 99999999999999999999", "x-ratelimit-remaining-requests-day: 3", "x-ratelimit-reset-requests-day: 1e309",
		}, []wire.Quota{
			{Window: oneDay, Limit: -1, Remaining: 3, Reset: -1},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: -1, Remaining: 7, Reset: -1},
			{Unit: wire.QuotaTokens, Window: oneDay, Limit: -1, Remaining: 3, Reset: -1},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, call, _ := recognise(t, http.MethodPost, test.url)
			if got := wire.ReadQuotas(&call, headers(test.header...), quotaTime); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// A header can have any number of limits.
func TestReadQuotasBounded(t *testing.T) {
	h := http.Header{}
	for i := range 10_000 {
		h.Set(fmt.Sprintf("X-Ratelimit-Limit-Requests-%d-Second", i%1000+1), "5")
		h.Set(fmt.Sprintf("X-Ratelimit-Limit-Name%d", i), "5")
	}
	if got := wire.ReadQuotas(nil, h, quotaTime); len(got) > 32 {
		t.Errorf("%d quotas", len(got))
	}
}

// TestRecordedQuotas reads the headers of recorded traffic. Every host that states limits on requests or tokens is understood.
func TestRecordedQuotas(t *testing.T) {
	f, err := os.Open("../../../shared/data/traffic/recorded.jsonl.gz")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the recorded traffic is not there")
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]int{}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r recordedHeaders
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		if quotas := r.quotas(); len(quotas) > 0 {
			read[r.Host]++
			r.check(t, quotas)
		}
	}
	for _, host := range []string{"api.openai.com", "api.anthropic.com", "api.mistral.ai", "api.groq.com", "api.x.ai", "api.together.xyz"} {
		if read[host] == 0 {
			t.Errorf("no quota of %s was read: %v", host, read)
		}
	}
}

// recordedHeaders are those of a recorded answer.
type recordedHeaders struct {
	Host    string            `json:"provider_host"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"response_headers"`
}

// quotas returns what the headers say about limits.
func (r *recordedHeaders) quotas() []wire.Quota {
	h := http.Header{}
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	u, err := url.Parse("https://" + r.Host + r.Path)
	if err != nil {
		return nil
	}
	if _, call, ok := new(wire.Router).Recognise(http.MethodPost, u); ok {
		return wire.ReadQuotas(&call, h, quotaTime)
	}
	return wire.ReadQuotas(nil, h, quotaTime)
}

// check holds the quotas to what is true of all of them, and of those of some providers.
func (r *recordedHeaders) check(t *testing.T, quotas []wire.Quota) {
	t.Helper()
	for _, q := range quotas {
		checkQuota(t, q)
		switch {
		case q.Limit > 0 && q.Remaining > q.Limit, q.Window > oneDay,
			r.Host == "api.groq.com" && q.Unit == wire.QuotaRequests && q.Window != oneDay,
			strings.Contains(r.Host, "azure") && q.Reset > time.Minute:
			t.Errorf("%s%s: %+v of %v", r.Host, r.Path, q, r.Headers)
		}
	}
}

func FuzzReadQuotas(f *testing.F) {
	f.Add("Limit-Requests", "5000", "4999", "12ms", "60")
	f.Add("Remaining", "1e309", "-1", "NaN", "0")
	f.Add("Limit-Req-10-Second", "99999999999999999999", "Inf", "1754667660000", "86400")
	f.Add("Reset-Tokens-1000-Day", "0", "0", "9223372036854775807", "9223372036854775807")
	f.Fuzz(func(t *testing.T, name, limit, remaining, reset, renewal string) {
		h := http.Header{}
		_, what, _ := strings.Cut(name, "-")
		h.Set("X-Ratelimit-"+name, limit)
		h.Set("X-Ratelimit-Limit-"+what, limit)
		h.Set("X-Ratelimit-Remaining-"+what, remaining)
		h.Set("X-Ratelimit-Reset-"+what, reset)
		h.Set("X-Ratelimit-Renewalperiod-"+what, renewal)
		h.Set("Anthropic-Ratelimit-"+what+"-Limit", limit)
		h.Set("Anthropic-Ratelimit-"+what+"-Reset", reset)
		h.Set("Ratelimit", name+";r="+remaining+";t="+reset)
		h.Set("Ratelimit-Policy", name+";q="+limit+";w="+renewal)
		for _, q := range wire.ReadQuotas(nil, h, quotaTime) {
			checkQuota(t, q)
		}
	})
}

// checkQuota holds a quota to what its documentation says.
func checkQuota(t *testing.T, q wire.Quota) {
	t.Helper()
	const most = 1e15
	if q.Limit < -1 || q.Remaining < -1 || q.Limit > most || q.Remaining > most || q.Limit < 0 && q.Remaining < 0 ||
		q.Window < 0 || q.Reset < -1 || q.Reset > 30*24*time.Hour || q.Unit > wire.QuotaOutputTokens {
		t.Fatalf("%+v", q)
	}
}

func TestQuotaUnitString(t *testing.T) {
	for u, want := range map[wire.QuotaUnit]string{
		wire.QuotaRequests: "requests", wire.QuotaTokens: "tokens", wire.QuotaInputTokens: "input tokens",
		wire.QuotaOutputTokens: "output tokens", math.MaxUint8: "unit " + strconv.Itoa(math.MaxUint8),
	} {
		if got := u.String(); got != want {
			t.Errorf("%d: %q", u, got)
		}
	}
}

func ExampleReadQuotas() {
	h := http.Header{}
	h.Set("X-Ratelimit-Limit-Tokens", "200000")
	h.Set("X-Ratelimit-Remaining-Tokens", "150000")
	h.Set("X-Ratelimit-Reset-Tokens", "15s")
	for _, q := range wire.ReadQuotas(nil, h, time.Now()) {
		fmt.Printf("%d of %d %s left in %v, all of them in %v\n", q.Remaining, q.Limit, q.Unit, q.Window, q.Reset)
	}
	// Output: 150000 of 200000 tokens left in 1m0s, all of them in 15s
}
