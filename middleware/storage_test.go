package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

const (
	cachesURL     = "https://generativelanguage.googleapis.com/v1beta/cachedContents"
	vertexCaches  = "https://aiplatform.googleapis.com/v1beta1/projects/mine/locations/global/cachedContents"
	vertexByName  = "projects/12345/locations/global/cachedContents/1"
	vertexByOwner = "https://aiplatform.googleapis.com/v1beta1/projects/mine/locations/global/cachedContents/1"
)

// heldUntil returns an answer about a context cache of a million tokens.
func heldUntil(name string, until time.Duration) string {
	now := time.Now().UTC()
	return `{"name":"` + name + `","model":"models/gemini-2.5-pro","createTime":"` + now.Format(time.RFC3339Nano) +
		`","expireTime":"` + now.Add(until).Format(time.RFC3339Nano) + `","usageMetadata":{"totalTokenCount":1000000}}`
}

// storageOf makes requests an hour apart, and returns the rows of storage and the totals.
func storageOf(t *testing.T, requests ...func(t *testing.T, stack *middleware.Stack, base *api)) (total ledger.Totals, rows []ledger.Row) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		for _, request := range requests {
			request(t, stack, base)
			time.Sleep(time.Hour)
		}
		total = stack.Totals()
		for _, r := range stack.Rows() {
			if r.Outcome == policy.Storage {
				rows = append(rows, r)
			}
		}
	})
	return total, rows
}

// A context cache costs $4.50 an hour for a million tokens, for as long as it is held.
func TestStorage(t *testing.T) {
	send := func(method, url string, answer answerFunc) func(*testing.T, *middleware.Stack, *api) {
		return func(t *testing.T, stack *middleware.Stack, base *api) {
			base.on(method+" "+url, answer)
			req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := stack.RoundTrip(req); err == nil {
				resp.Body.Close() // unread
			}
		}
	}
	create := func(t *testing.T, stack *middleware.Stack, base *api) {
		base.on("POST "+cachesURL, says(200, jsonType, heldUntil("cachedContents/a", 10*time.Hour)))
		mustDo(t, stack, "POST", cachesURL, `{}`)
	}
	prolong := func(t *testing.T, stack *middleware.Stack, base *api) {
		base.on("PATCH "+cachesURL+"/a", says(200, jsonType, heldUntil("cachedContents/a", 20*time.Hour)))
		mustDo(t, stack, "PATCH", cachesURL+"/a", `{"ttl":"72000s"}`)
	}
	empty := says(200, jsonType, `{}`)
	lost := func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") }
	for name, test := range map[string]struct {
		requests []func(*testing.T, *middleware.Stack, *api)
		storage  string
		rows     int
		unpriced int64 // of the rows
	}{
		"created":                    {[]func(*testing.T, *middleware.Stack, *api){create}, "45", 1, 0},
		"prolonged":                  {[]func(*testing.T, *middleware.Stack, *api){create, prolong}, "94.5", 2, 0},
		"deleted, unread":            {[]func(*testing.T, *middleware.Stack, *api){create, send("DELETE", cachesURL+"/a", empty)}, "4.5", 2, 0},
		"deleted, 204":               {[]func(*testing.T, *middleware.Stack, *api){create, send("DELETE", cachesURL+"/a", says(204, "", ""))}, "4.5", 2, 0},
		"prolonged and deleted":      {[]func(*testing.T, *middleware.Stack, *api){create, prolong, send("DELETE", cachesURL+"/a", empty)}, "9", 3, 0},
		"deleted twice":              {[]func(*testing.T, *middleware.Stack, *api){create, send("DELETE", cachesURL+"/a", empty), send("DELETE", cachesURL+"/a", empty)}, "4.5", 2, 0},
		"not deleted":                {[]func(*testing.T, *middleware.Stack, *api){create, send("DELETE", cachesURL+"/a", says(500, jsonType, `{}`))}, "45", 1, 0},
		"made elsewhere":             {[]func(*testing.T, *middleware.Stack, *api){prolong, send("DELETE", cachesURL+"/b", empty)}, "0", 1, 1},
		"prolonged, unread":          {[]func(*testing.T, *middleware.Stack, *api){create, send("PATCH", cachesURL+"/a", empty)}, "45", 2, 1},
		"prolonged, and lost":        {[]func(*testing.T, *middleware.Stack, *api){create, send("PATCH", cachesURL+"/a", lost)}, "45", 2, 1},
		"prolonged, and not allowed": {[]func(*testing.T, *middleware.Stack, *api){create, send("PATCH", cachesURL+"/a", says(403, jsonType, `{"error":{"code":403}}`))}, "45", 1, 0},
		"deleted late": {append([]func(*testing.T, *middleware.Stack, *api){create}, func(t *testing.T, stack *middleware.Stack, base *api) {
			time.Sleep(20 * time.Hour)
			send("DELETE", cachesURL+"/a", empty)(t, stack, base)
		}), "45", 2, 0},
		"Vertex AI's number of the project": {[]func(*testing.T, *middleware.Stack, *api){func(t *testing.T, stack *middleware.Stack, base *api) {
			base.on("POST "+vertexCaches, says(200, jsonType, heldUntil(vertexByName, 10*time.Hour)))
			mustDo(t, stack, "POST", vertexCaches, `{}`)
		}, send("DELETE", vertexByOwner, empty)}, "4.5", 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			totals, rows := storageOf(t, test.requests...)
			var unpriced int64
			for _, r := range rows {
				if r.Unpriced != "" {
					unpriced++
				}
			}
			if got := totals.Storage.String(); got != test.storage || len(rows) != test.rows || unpriced != test.unpriced {
				t.Errorf("$%s in %d rows, %d unpriced; want $%s, %d, %d", got, len(rows), unpriced, test.storage, test.rows, test.unpriced)
			}
		})
	}
}

// A row that corrects the cost of storage counts where the first one does: in no group, and in no hour, is storage negative.
func TestStorageGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+cachesURL, says(200, jsonType, heldUntil("cachedContents/a", 10*time.Hour)))
		base.on("PATCH "+cachesURL+"/a", says(200, jsonType, `{}`))
		base.on("DELETE "+cachesURL+"/a", says(200, jsonType, `{}`))
		for i, request := range []struct{ method, url, tenant string }{
			{"POST", cachesURL, "maker"}, {"PATCH", cachesURL + "/a", "changer"}, {"DELETE", cachesURL + "/a", "cleaner"},
		} {
			ctx := policy.With(t.Context(), policy.Tag("tenant", request.tenant))
			if _, err := do(t, ctx, stack, request.method, request.url, `{}`); err != nil {
				t.Fatal(i, err)
			}
			time.Sleep(time.Hour)
		}
		totals := stack.Totals()
		if totals.Storage.String() != "9" || totals.By["tag:tenant=maker"].Storage != totals.Storage || totals.By["tag:tenant=maker"].Unpriced == 0 {
			t.Errorf("%+v", totals)
		}
		for name, groups := range map[string]map[string]ledger.Total{"groups": totals.By, "hours": totals.Hours} {
			for key, total := range groups {
				if total.Storage.Sign() < 0 || total.Storage.Sign() > 0 && total.Storage != totals.Storage {
					t.Errorf("%s: %s has %s of storage", name, key, total.Storage)
				}
			}
		}
		if by := totals.By; by["tag:tenant=cleaner"].Storage.Sign() != 0 || by["tag:tenant=changer"] != (ledger.Total{}) {
			t.Errorf("%+v", by)
		}
	})
}
