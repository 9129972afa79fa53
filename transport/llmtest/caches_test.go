package llmtest_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestCacheTokenTime(t *testing.T) {
	made := time.Date(2026, 11, 29, 12, 0, 0, 1, time.UTC)
	c := llmtest.Cache{Tokens: 2_000_003, Created: made, Expires: made.Add(1000*time.Hour + 1)}
	want := new(big.Int).Mul(big.NewInt(2_000_003), big.NewInt(int64(1000*time.Hour+1)))
	if got := c.TokenTime(made.Add(9000 * time.Hour)); got.Cmp(want) != 0 || got.IsInt64() {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := c.TokenTime(made.Add(-1)); got.Sign() != 0 {
		t.Errorf("before it was created: %v", got)
	}
}

func TestCacheCount(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		check := func(live, peak int) {
			t.Helper()
			if l, p := srv.CacheCount(time.Now()); l != live || p != peak {
				t.Errorf("%d alive, %d at most; want %d and %d", l, p, live, peak)
			}
		}
		check(0, 0)
		srv.NewCache("gemini-2.5-flash", 5000, time.Minute)
		first := srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
		srv.NewCache("gemini-2.5-flash", 5000, 0)
		check(2, 2)
		time.Sleep(time.Minute)
		check(1, 2)
		srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
		check(2, 2)
		srv.KillCache(first)
		check(1, 2)
	})
}

// What no cache can be made of, and why.
func TestCacheCreationRejected(t *testing.T) {
	const flash = "models/gemini-2.5-flash"
	past := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for name, test := range map[string]struct {
		cfg    llmtest.Config
		body   string
		status int
		words  string
	}{
		"too small":              {llmtest.Config{}, creation(flash, 10), 400, "min_total_token_count=1024"},
		"too small for it":       {llmtest.Config{MinCacheTokensOf: map[string]int64{"gemini-2.5-flash": 4096}}, creation(flash, 2000), 400, "min_total_token_count=4096"},
		"large enough for it":    {llmtest.Config{MinCacheTokens: 4096, MinCacheTokensOf: map[string]int64{"gemini-2.5-flash": 10}}, creation(flash, 20), 200, "totalTokenCount"},
		"another model":          {llmtest.Config{MinCacheTokens: 4096, MinCacheTokensOf: map[string]int64{"gemini-3-pro": 10}}, creation(flash, 20), 400, "min_total_token_count=4096"},
		"free tier":              {llmtest.Config{FreeTier: true}, creation(flash, 2000), 429, "TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model gemini-2.5-flash: limit=0, requested=20"},
		"free tier, too small":   {llmtest.Config{FreeTier: true}, creation(flash, 10), 400, "too small"},
		"Gemini 4":               {llmtest.Config{}, creation("models/gemini-4-argon", 5000), 400, "does not support cached content"},
		"no time":                {llmtest.Config{}, creation(flash, 2000, `"ttl":"0s"`), 400, "ttl"},
		"a negative time":        {llmtest.Config{}, creation(flash, 2000, `"ttl":"-1s"`), 400, "ttl"},
		"in the past":            {llmtest.Config{}, creation(flash, 2000, `"expireTime":"`+past+`"`), 400, "expire_time"},
		"both":                   {llmtest.Config{}, creation(flash, 2000, `"ttl":"1s"`, `"expireTime":"`+past+`"`), 400, "oneof"},
		"a file that is not one": {llmtest.Config{}, strings.Replace(creation(flash, 2000), `"parts":[`, `"parts":[{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/none"}},`, 1), 403, "permission to access the File none"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := llmtest.NewServer(test.cfg)
			defer srv.Close()
			a := mustDo(t, srv, "POST", cachesPath, test.body, test.status)
			if !strings.Contains(a.body, test.words) || test.status != 200 && len(srv.Caches())+len(srv.Meter()) != 0 {
				t.Errorf("got %s", a.body)
			}
		})
	}
}

// Contents that are in the cache and are sent again are billed twice.
func TestContentsSentAgain(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		made := decode[cached](t, mustDo(t, srv, "POST", cachesPath, creation("models/gemini-2.5-flash", 2000), 200).body)
		again := creation("models/gemini-2.5-flash", 2000, fmt.Sprintf(`"cachedContent":%q`, made.Name))
		mustDo(t, srv, "POST", geminiPath, again, 200)
		if g := srv.Meter()[1]; g.Cached != made.UsageMetadata.TotalTokenCount || g.Prompt != 2*g.Cached {
			t.Errorf("metered %+v", g)
		}
	})
}

func ExampleServer_CacheCount() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
	srv.KillCache(srv.NewCache("gemini-2.5-flash", 2000, time.Hour))
	live, _ := srv.CacheCount(time.Now())
	fmt.Println(live)
	// Output:
	// 1
}

func ExampleCache_TokenTime() {
	made := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	c := llmtest.Cache{Tokens: 5000, Created: made, Expires: made.Add(time.Hour)}
	seconds := new(big.Int).Div(c.TokenTime(made.Add(24*time.Hour)), big.NewInt(int64(time.Second)))
	fmt.Println(seconds, "token-seconds")
	// Output:
	// 18000000 token-seconds
}
