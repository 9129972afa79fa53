package llmtest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// cached is a CachedContent, as a client reads it.
type cached struct {
	Name, Model, NextPageToken         string
	CreateTime, UpdateTime, ExpireTime time.Time
	DisplayName                        *string
	UsageMetadata                      struct{ TotalTokenCount int64 }
	CachedContents                     []cached
}

// creation returns a request for a cache of about n tokens.
func creation(model string, n int, fields ...string) string {
	return contents(strings.Repeat("word", n), append(fields, fmt.Sprintf(`"model":%q`, model))...)
}

const (
	cachesPath = "/v1beta/cachedContents"
	vertexBase = "/v1/projects/my-project/locations/us-central1/"
	vertexHost = vertexBase + "publishers/google/models/gemini-2.5-flash:generateContent"
)

// checkCreated checks a cache that was created with a ttl of 300 seconds.
func checkCreated(t *testing.T, c cached, body string, began time.Time) {
	t.Helper()
	if !regexp.MustCompile(`^cachedContents/[0-9a-z]{40}$`).MatchString(c.Name) || c.Model != "models/gemini-2.5-flash" ||
		c.UsageMetadata.TotalTokenCount < 2000 || *c.DisplayName != "" || !c.CreateTime.Equal(began) ||
		!c.ExpireTime.After(began.Add(299*time.Second)) || !c.ExpireTime.Before(began.Add(300*time.Second)) {
		t.Errorf("got %s", body)
	}
}

// checkCacheUse checks the usage of a request that used the cache.
func checkCacheUse(t *testing.T, u googleUsage, g llmtest.Generation, c cached) {
	t.Helper()
	checkGoogle(t, u, g)
	if g.Cache != c.Name || g.Cached != c.UsageMetadata.TotalTokenCount || g.Prompt <= g.Cached || u.CacheTokensDetails == nil {
		t.Errorf("metered %+v", g)
	}
}

// checkExpired checks that c is the only cache and has expired.
func checkExpired(t *testing.T, all []llmtest.Cache, c cached, stored time.Duration) {
	t.Helper()
	if len(all) != 1 || all[0].Stored(time.Now()) != stored || all[0].Alive(time.Now()) ||
		!all[0].Deleted.IsZero() || all[0].Model != "gemini-2.5-flash" || all[0].Tokens != c.UsageMetadata.TotalTokenCount {
		t.Errorf("got %+v", all)
	}
}

func TestCacheLife(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		began := time.Now()
		a := mustDo(t, srv, "POST", cachesPath, creation("models/gemini-2.5-flash", 2000, `"ttl":"300s"`), 200)
		c := decode[cached](t, a.body)
		checkCreated(t, c, a.body, began)
		keysInOrder(t, a.body, "name", "model", "createTime", "updateTime", "expireTime", "displayName", "usageMetadata", "totalTokenCount")
		if strings.Contains(a.body, "word") || a.header.Get("x-gemini-service-tier") != "" {
			t.Errorf("got %v %s", a.header, a.body)
		}
		if g := srv.Meter()[0]; g.Operation != "createCachedContent" || g.Prompt != c.UsageMetadata.TotalTokenCount || g.Completion != 0 || g.Cache != c.Name {
			t.Errorf("metered %+v", g)
		}

		// It is used, and looked up.
		path := "/v1beta/" + c.Name
		use := contents("what is it?", `"cachedContent":"`+c.Name+`"`)
		u := decode[generated](t, mustDo(t, srv, "POST", geminiPath, use, 200).body).UsageMetadata
		checkCacheUse(t, u, srv.Meter()[1], c)
		if got := decode[cached](t, mustDo(t, srv, "GET", path, "", 200).body); got.Name != c.Name || !got.ExpireTime.Equal(c.ExpireTime) {
			t.Errorf("got %+v", got)
		}

		// Its life ends when its new ttl ends.
		<-time.After(4 * time.Minute)
		p := decode[cached](t, mustDo(t, srv, "PATCH", path, `{"ttl":"600s"}`, 200).body)
		if !p.UpdateTime.Equal(time.Now()) || !p.CreateTime.Equal(began) || time.Until(p.ExpireTime) < 599*time.Second {
			t.Errorf("got %+v", p)
		}
		<-time.After(10*time.Minute - time.Second)
		mustDo(t, srv, "POST", geminiPath, use, 200)
		<-time.After(time.Second)
		e := decode[generated](t, mustDo(t, srv, "POST", geminiPath, use, 403).body).Error
		if e.Message != "CachedContent not found (or permission denied)" || e.Status != "PERMISSION_DENIED" {
			t.Errorf("got %+v", e)
		}
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			mustDo(t, srv, method, path, `{"ttl":"600s"}`, 403)
		}
		checkExpired(t, srv.Caches(), c, p.ExpireTime.Sub(began))
	})
}

func TestCacheDeletedAndKilled(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		began := time.Now()
		first, second := srv.NewCache("models/gemini-2.5-flash", 1, time.Hour), srv.NewCache("gemini-2.5-flash", 7, time.Hour)
		dead := srv.NewCache("gemini-2.5-flash", 7, 0)
		<-time.After(time.Minute)
		if a := mustDo(t, srv, "DELETE", "/v1beta/"+first, "", 200); a.body != "{}\n" {
			t.Errorf("got %q", a.body)
		}
		if !srv.KillCache(second) || srv.KillCache(second) || srv.KillCache(dead) || srv.KillCache("cachedContents/x") {
			t.Error("killed what was not alive, or the other way round")
		}
		<-time.After(time.Minute)
		for i, c := range srv.Caches() {
			want := map[bool]time.Duration{true: time.Minute, false: 0}[i < 2]
			if c.Stored(time.Now()) != want || c.Stored(began.Add(time.Second)) != min(want, time.Second) || c.Alive(time.Now()) || c.Created != began {
				t.Errorf("got %+v, stored for %v", c, c.Stored(time.Now()))
			}
			mustDo(t, srv, "POST", geminiPath, contents("hi", `"cached_content":"`+c.Name+`"`), 403)
			mustDo(t, srv, "GET", "/v1beta/"+c.Name, "", 403)
		}
		if n := len(srv.Meter()); n != 0 {
			t.Errorf("billed %d", n)
		}
	})
}

func TestCacheRejections(t *testing.T) {
	const min4k = 4096
	inBubble(t, llmtest.Config{MinCacheTokens: min4k}, func(t *testing.T, srv *llmtest.Server) {
		name := srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
		use := `"cachedContent":"` + name + `"`
		const flash38 = "/v1beta/models/gemini-3.8-flash:generateContent"
		for _, tt := range []struct {
			method, path, request string
			words                 string
		}{
			{"POST", cachesPath, creation("models/m", 3000), "Cached content is too small. total_token_count=3009, min_total_token_count=4096"},
			{"POST", cachesPath, creation("models/m", 5000, `"ttl":300`), "Invalid value at 'ttl'"},
			{"POST", cachesPath, creation("models/m", 5000, `"ttl":"5m"`), "Invalid value at 'ttl'"},
			{"POST", cachesPath, creation("models/m", 5000, `"ttl":"-5s"`), "Invalid value at 'ttl'"},
			{"POST", cachesPath, creation("models/m", 5000, `"expireTime":"1999-01-01T00:00:00Z"`), "expire_time"},
			{"POST", cachesPath, creation("models/m", 5000, `"expireTime":"2999-01-01T00:00:00Z","ttl":"5s"`), "oneof"},
			{"POST", cachesPath, creation("models/m", 5000, `"cost":5`), "Unknown name"},
			{"POST", cachesPath, contents("hi"), "model is not specified"},
			{"PATCH", "/v1beta/" + name, `{"displayName":"x"}`, "Only the expiration"},
			{"PATCH", "/v1beta/" + name, `{"ttl":"x"}`, "Invalid value at 'ttl'"},
			{"POST", geminiPath, contents("hi", use, `"systemInstruction":{"parts":[]}`), "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.\n\nProposed fix: move those values to CachedContent from GenerateContent request."},
			{"POST", geminiPath, contents("hi", use, `"tools":[]`), "CachedContent can not be used"},
			{"POST", geminiPath, contents("hi", use, `"tool_config":{}`), "CachedContent can not be used"},
			{"POST", flash38, contents("hi", use), "Model used by GenerateContent request (models/gemini-3.8-flash) and CachedContent (models/gemini-2.5-flash) has to be the same."},
		} {
			a := mustDo(t, srv, tt.method, tt.path, tt.request, 400)
			if e := decode[generated](t, a.body).Error; e.Status != "INVALID_ARGUMENT" || !strings.Contains(e.Message, tt.words) {
				t.Errorf("got %s, want %s", a.body, tt.words)
			}
		}
		mustDo(t, srv, "POST", cachesPath, creation("models/missing", 5000), 404)
		mustDo(t, srv, "PUT", "/v1beta/"+name, "", 404)
		mustDo(t, srv, "DELETE", cachesPath, "", 404)
		if len(srv.Meter()) != 0 || len(srv.Caches()) != 1 {
			t.Errorf("billed %d, %d caches", len(srv.Meter()), len(srv.Caches()))
		}
	})
}

func TestCacheList(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		if a := mustDo(t, srv, "GET", cachesPath, "", 200); a.body != "{}\n" {
			t.Errorf("got %q", a.body)
		}
		var names []string
		for range 3 {
			names = append(names, srv.NewCache("gemini-2.5-flash", 5000, time.Hour))
		}
		srv.NewCache("gemini-2.5-flash", 5000, 0)
		srv.NewCache("projects/p/locations/l/publishers/google/models/gemini-2.5-flash", 5000, time.Hour)
		first := decode[cached](t, mustDo(t, srv, "GET", cachesPath+"?pageSize=2", "", 200).body)
		second := decode[cached](t, mustDo(t, srv, "GET", cachesPath+"?pageSize=2&pageToken="+first.NextPageToken, "", 200).body)
		all := append(first.CachedContents, second.CachedContents...)
		if len(first.CachedContents) != 2 || len(all) != 3 || all[0].Name != names[2] || all[2].Name != names[0] || second.NextPageToken != "" {
			t.Errorf("got %+v and %+v", first, second)
		}
		mustDo(t, srv, "GET", cachesPath+"?pageSize=-1&pageToken=99", "", 200)
	})
}

func TestVertexCaches(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		model := strings.TrimPrefix(vertexBase, "/v1/") + "publishers/google/models/gemini-2.5-flash"
		a := mustDo(t, srv, "POST", vertexBase+"cachedContents", creation(model, 2000, `"display_name":"mine"`), 200)
		c := decode[cached](t, a.body)
		if !regexp.MustCompile(`^projects/\d{12}/locations/us-central1/cachedContents/\d{19}$`).MatchString(c.Name) || c.Model != model || *c.DisplayName != "mine" {
			t.Fatalf("got %s", a.body)
		}
		_, id, _ := strings.Cut(c.Name, "cachedContents/")
		// The project may be named by its id or by its number.
		byID := strings.TrimPrefix(vertexBase, "/v1/") + "cachedContents/" + id
		for _, name := range []string{c.Name, byID} {
			mustDo(t, srv, "GET", "/v1/"+name, "", 200)
			body := mustDo(t, srv, "POST", vertexHost, contents("hi", `"cachedContent":"`+name+`"`), 200).body
			u := decode[generated](t, body).UsageMetadata
			if u.CachedContentTokenCount != c.UsageMetadata.TotalTokenCount || u.CacheTokensDetails != nil {
				t.Errorf("got %s", body)
			}
		}
		if g := srv.Meter()[2]; g.Cache != c.Name || g.Provider != "vertex" {
			t.Errorf("metered %+v", g)
		}
		deadVertexCaches(t, srv, c.Name, id)
	})
}

func deadVertexCaches(t *testing.T, srv *llmtest.Server, name, id string) {
	t.Helper()
	expired := srv.NewCache("projects/my-project/locations/us-central1/publishers/google/models/gemini-2.5-flash", 5000, 0)
	_, expiredID, _ := strings.Cut(expired, "cachedContents/")
	gemini := srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
	mustDo(t, srv, "DELETE", "/v1/"+name, "", 200)
	for _, tt := range []struct {
		method, path, request string
		status                int
		words                 string
	}{
		{"POST", vertexHost, contents("hi", `"cachedContent":"`+expired+`"`), 400, "Cache content " + expiredID + " is expired."},
		{"POST", vertexHost, contents("hi", `"cachedContent":"`+name+`"`), 400, "Invalid resource state for cache content " + id + "."},
		{"POST", vertexHost, contents("hi", `"cachedContent":"projects/p/locations/l/cachedContents/5"`), 404, "Not found: cached content metadata for 5."},
		{"POST", vertexHost, contents("hi", `"cachedContent":"`+gemini+`"`), 404, "Not found: cached content metadata for "},
		{"PATCH", "/v1/" + expired, `{"ttl":"5s"}`, 404, "Cached content " + expiredID + " is not found."},
		{"GET", "/v1/" + name, "", 404, "Not found: cached content metadata for " + id + "."},
	} {
		a := mustDo(t, srv, tt.method, tt.path, tt.request, tt.status)
		if e := decode[generated](t, a.body).Error; !strings.Contains(e.Message, tt.words) {
			t.Errorf("%s %s: got %s, want %s", tt.method, tt.path, a.body, tt.words)
		}
	}
}

func TestFaultsFindTheCacheMade(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ServerErrorAfterWork, llmtest.ServerError, llmtest.ResetBeforeAccept)}
	everywhere(t, "create", cfg, func(t *testing.T, srv *llmtest.Server) {
		for range 4 {
			do(t.Context(), srv, "POST", cachesPath, creation("models/gemini-2.5-flash", 2000))
		}
		if len(srv.Caches()) != 2 || len(srv.Meter()) != 2 {
			t.Errorf("%d caches, billed %d", len(srv.Caches()), len(srv.Meter()))
		}
	})
}
