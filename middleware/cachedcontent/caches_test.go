package cachedcontent_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// The life of a cache on both providers.
func TestLifecycle(t *testing.T) {
	clients := map[string]func(testing.TB, http.RoundTripper, ...cachedcontent.Option) *cachedcontent.Client{"gemini": gemini, "vertex": vertex}
	for name, client := range clients {
		t.Run(name, func(t *testing.T) {
			inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
				c := client(t, srv.Transport())
				if c.Provider() != name {
					t.Errorf("Provider is %q", c.Provider())
				}
				made, err := c.Create(t.Context(), content())
				if err != nil {
					t.Fatal(err)
				}
				if made.Usage.Tokens < 4000 || made.CreateTime.IsZero() || made.ExpireTime.Sub(made.CreateTime) > 10*time.Minute {
					t.Errorf("created %+v", made)
				}
				if begin := map[string]string{"vertex": "projects/", "gemini": "cachedContents/"}[name]; !strings.HasPrefix(made.Name, begin) {
					t.Errorf("the name is %s", made.Name)
				}
				time.Sleep(time.Minute)
				live(t, c, made)
				if err := c.Delete(t.Context(), made.Name); err != nil {
					t.Error(err)
				}
				checkDead(t, c, made.Name)
				if n := alive(srv); n != 0 {
					t.Errorf("%d caches are alive", n)
				}
			})
		})
	}
}

// live reads a cache, and sets its end twice.
func live(t *testing.T, c *cachedcontent.Client, made cachedcontent.Cache) {
	t.Helper()
	got, err := c.Get(t.Context(), made.Name)
	if err != nil || got.Name != made.Name || got.Model != made.Model || !got.ExpireTime.Equal(made.ExpireTime) {
		t.Errorf("Get = %+v, %v; want %+v", got, err, made)
	}
	longer, err := c.Update(t.Context(), made.Name, cachedcontent.Expiry{TTL: time.Hour})
	if err != nil || time.Until(longer.ExpireTime) < 59*time.Minute {
		t.Errorf("Update = %+v, %v", longer, err)
	}
	at := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	if until, err := c.Update(t.Context(), made.Name, cachedcontent.Expiry{ExpireTime: at}); err != nil || !until.ExpireTime.Equal(at) {
		t.Errorf("Update = %+v, %v; want until %v", until, err, at)
	}
}

// checkDead checks that nothing can be done with a cache.
func checkDead(t *testing.T, c *cachedcontent.Client, name string) {
	t.Helper()
	for op, err := range map[string]error{
		"Get":    second(c.Get(t.Context(), name)),
		"Update": second(c.Update(t.Context(), name, cachedcontent.Expiry{TTL: time.Hour})),
		"Delete": c.Delete(t.Context(), name),
	} {
		if !cachedcontent.IsDead(err) {
			t.Errorf("%s of a dead cache: %v", op, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Every cache is listed once, over several pages, and no page is asked for that is not needed.
func TestList(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		c := vertex(t, srv.Transport())
		for cache, err := range c.List(t.Context()) {
			t.Errorf("the empty list has %v, %v", cache, err)
		}
		const all = 250
		for range all {
			srv.NewCache("projects/my-project/locations/europe-west4/publishers/google/models/"+flash, 5000, time.Hour)
		}
		names := map[string]bool{}
		for cache, err := range c.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			names[cache.Name] = true
		}
		if len(names) != all {
			t.Errorf("listed %d of %d", len(names), all)
		}
		before := len(srv.Requests())
		for range c.List(t.Context()) {
			break
		}
		if n := len(srv.Requests()) - before; n != 1 {
			t.Errorf("%d requests for the first of the list", n)
		}
	})
}

func TestListErrors(t *testing.T) {
	for name, body := range map[string]string{
		"the same page again": `{"cachedContents":[{"name":"cachedContents/a"}],"nextPageToken":"x"}`,
		"no name":             `{"cachedContents":[{"model":"models/x"}]}`,
		"no JSON":             `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			n := 0
			for _, err := range fixed(t, 200, body).List(t.Context()) {
				if n++; n > 10 {
					t.Fatal("it does not end")
				}
				last = err
			}
			asError(t, last, cachedcontent.Unreadable)
		})
	}
	for _, err := range fixed(t, 403, `{"error":{"code":403,"status":"PERMISSION_DENIED"}}`).List(t.Context()) {
		asError(t, err, cachedcontent.Denied)
	}
}

func TestNames(t *testing.T) {
	var path string
	record := roundTrip(func(req *http.Request) (*http.Response, error) {
		path = req.URL.String()
		return answer(req, 200, "{}"), nil
	})
	for _, test := range []struct {
		client *cachedcontent.Client
		name   string
		want   string // "" means an error for the name
	}{
		{gemini(t, record), "cachedContents/a-1_b", "https://generativelanguage.googleapis.com/v1beta/cachedContents/a-1_b"},
		{gemini(t, record), "", ""},
		{gemini(t, record), "a", ""},
		{gemini(t, record), "cachedContents/", ""},
		{gemini(t, record), "cachedContents/a/b", ""},
		{gemini(t, record), "cachedContents/../models", ""},
		{gemini(t, record), "cachedContents/a?x", ""},
		{gemini(t, record), "cachedContents/a#", ""},
		{gemini(t, record), "cachedContents/a%2e", ""},
		{gemini(t, record), "cachedContents/ä", ""},
		{gemini(t, record), "projects/p/locations/l/cachedContents/1", ""},
		{vertex(t, record), "cachedContents/1", "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/my-project/locations/europe-west4/cachedContents/1"},
		{vertex(t, record), "projects/123/locations/europe-west4/cachedContents/1", "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/123/locations/europe-west4/cachedContents/1"},
		{vertex(t, record), "projects/123/locations/us-east5/cachedContents/1", ""},
		{vertex(t, record), "projects//locations/europe-west4/cachedContents/1", ""},
		{vertex(t, record), "projects/../locations/europe-west4/cachedContents/", ""},
		{vertex(t, record), "x/projects/1/locations/europe-west4/cachedContents/1", ""},
	} {
		path = ""
		err := test.client.Delete(t.Context(), test.name)
		if path != test.want {
			t.Errorf("%q: requested %q, want %q; %v", test.name, path, test.want, err)
		}
		if test.want == "" {
			asFieldError(t, err, "name")
			asFieldError(t, second(test.client.Get(t.Context(), test.name)), "name")
			asFieldError(t, second(test.client.Update(t.Context(), test.name, cachedcontent.Expiry{TTL: time.Hour})), "name")
		}
	}
}

func TestUpdateBadExpiry(t *testing.T) {
	c := gemini(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("it was sent") }))
	for field, e := range map[string]cachedcontent.Expiry{
		"TTL":        {},
		"ExpireTime": {ExpireTime: time.Now().Add(-time.Second)},
	} {
		asFieldError(t, second(c.Update(t.Context(), "cachedContents/a", e)), field)
	}
	asFieldError(t, second(c.Update(t.Context(), "cachedContents/a", cachedcontent.Expiry{TTL: -1})), "TTL")
	both := cachedcontent.Expiry{TTL: time.Hour, ExpireTime: time.Now().Add(time.Hour)}
	asFieldError(t, second(c.Update(t.Context(), "cachedContents/a", both)), "ExpireTime")
}

// The provider's own rules.
func TestProviderErrors(t *testing.T) {
	inBubble(t, llmtest.Config{MinCacheTokens: 4096, Keyed: true}, func(t *testing.T, srv *llmtest.Server) {
		c := gemini(t, srv.Transport())
		small := content()
		small.Turns = []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text("Light."))}
		_, err := c.Create(t.Context(), small)
		if e := asError(t, err, cachedcontent.TooSmall); e.Minimum != 4096 || e.Tokens <= 0 || e.Tokens > 100 || e.Status != 400 || e.Code != "INVALID_ARGUMENT" {
			t.Errorf("got %+v", e)
		}

		made, err := c.Create(t.Context(), content())
		if err != nil {
			t.Fatal(err)
		}
		// Another key's.
		other, err := cachedcontent.NewGemini(srv.Client(), "another-key")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Delete(t.Context(), made.Name); !cachedcontent.IsDead(err) {
			t.Errorf("another key deletes it: %v", err)
		}
		// Expired.
		time.Sleep(11 * time.Minute)
		if _, err := c.Get(t.Context(), made.Name); !cachedcontent.IsDead(err) {
			t.Errorf("it has expired, and Get says %v", err)
		}
		if _, err := c.Get(t.Context(), "cachedContents/unknown"); !cachedcontent.IsDead(err) {
			t.Errorf("it is unknown, and Get says %v", err)
		}
	})
}

// An answer that cannot be read is an error: the cache may be there.
func TestCreateUnreadable(t *testing.T) {
	for name, test := range map[string]struct {
		body   string
		header []string
	}{
		"empty":                  {"", nil},
		"no object":              {`[]`, nil},
		"null":                   {`null`, nil},
		"no name":                {`{"model":"models/x"}`, nil},
		"a number as the name":   {`{"name":1}`, nil},
		"a negative count":       {`{"name":"cachedContents/x","usageMetadata":{"totalTokenCount":-1}}`, nil},
		"a fraction as a count":  {`{"name":"cachedContents/x","usageMetadata":{"totalTokenCount":1.5}}`, nil},
		"a time that is none":    {`{"name":"cachedContents/x","createTime":"yesterday"}`, nil},
		"the page of a proxy":    {`<html>Light is propagated</html>`, nil},
		"cut":                    {`{"name":"cachedCont`, nil},
		"no gzip":                {`{"name":"cachedContents/x"}`, []string{"Content-Encoding", "gzip"}},
		"an unknown compression": {`{"name":"cachedContents/x"}`, []string{"Content-Encoding", "br"}},
		"too long":               {`{"name":"cachedContents/x","x":"` + strings.Repeat("x", 5<<20) + `"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fixed(t, 200, test.body, test.header...).Create(t.Context(), content())
			asError(t, err, cachedcontent.Unreadable)
		})
	}
}

func TestContextEnds(t *testing.T) {
	block := roundTrip(func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, fmt.Errorf("dialing %s: %w", secretKey, req.Context().Err())
	})
	c := gemini(t, block)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for op, err := range map[string]error{
		"Create": second(c.Create(ctx, content())),
		"Get":    second(c.Get(ctx, "cachedContents/x")),
		"Update": second(c.Update(ctx, "cachedContents/x", cachedcontent.Expiry{TTL: time.Hour})),
		"Delete": c.Delete(ctx, "cachedContents/x"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", op, err)
			continue
		}
		checkNoSecret(t, err.Error())
	}
	for _, err := range c.List(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("List: %v", err)
		}
	}
}
