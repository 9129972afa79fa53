package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/feed"
	"github.com/skinflint-go/skinflint/policy/price"
)

// listServer is a server of one list, as a RoundTripper.
type listServer struct {
	mu     sync.Mutex // of what a test changes while Run is at work
	text   string
	etag   string
	status int   // 0 is 200
	err    error // instead of an answer
	asked  []http.Header
	when   []time.Time
}

func (s *listServer) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, req.Header.Clone())
	s.when = append(s.when, time.Now())
	if s.err != nil {
		return nil, s.err
	}
	resp := &http.Response{
		StatusCode: max(s.status, http.StatusOK), Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(s.text)),
	}
	if s.etag != "" {
		resp.Header.Set("ETag", s.etag)
		resp.Header.Set("Last-Modified", "Sun, 20 Sep 2026 12:00:00 GMT")
		if req.Header.Get("If-None-Match") == s.etag {
			resp.StatusCode, resp.Body = http.StatusNotModified, http.NoBody
		}
	}
	return resp, nil
}

// now makes the server answer with that from now on.
func (s *listServer) now(text string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.err = text, err
}

// priced is a list with one model at that price per token.
func priced(price string) string {
	return `{"m": {"litellm_provider": "openai", "input_cost_per_token": ` + price + `}}`
}

func refresherOf(s *listServer) *feed.Refresher {
	return &feed.Refresher{URL: "https://lists.example/prices.json", Client: &http.Client{Transport: s}, Load: func(r io.Reader, asOf time.Time) (*price.Feed, error) {
		return price.LoadLiteLLM("l", r, price.FeedConfig{AsOf: asOf})
	}}
}

// inputPrice is the price of one input token of the model m.
func inputPrice(c *price.Catalog, at time.Time) string { return inputPriceOf(c, "m", at) }

func inputPriceOf(c *price.Catalog, model string, at time.Time) string {
	cost, err := c.Cost(price.Query{Provider: "openai", Model: model, Tier: "standard", At: at}, price.Usage{Input: 1})
	if err != nil {
		return err.Error()
	}
	return cost.Cost.String()
}

func TestRefresh(t *testing.T) {
	s := &listServer{text: priced("1e-6"), etag: `"a"`}
	r := refresherOf(s)
	first, changed, err := r.Refresh(t.Context())
	if err != nil || !changed || inputPrice(first.Catalog, time.Now()) != "0.000001" {
		t.Fatalf("%v, %t, %v", first, changed, err)
	}
	again, changed, err := r.Refresh(t.Context())
	if err != nil || changed || again != first || s.asked[1].Get("If-None-Match") != `"a"` || s.asked[1].Get("If-Modified-Since") == "" {
		t.Errorf("unchanged by ETag: %t, %v, asked %v", changed, err, s.asked[1])
	}
	s.etag = `"b"`
	if again, changed, err = r.Refresh(t.Context()); err != nil || changed || again != first {
		t.Errorf("unchanged by text: %t, %v", changed, err)
	}
	for name, broken := range map[string]*listServer{
		"no network": {err: io.ErrUnexpectedEOF},
		"status":     {status: http.StatusBadGateway, text: priced("9e-6")},
		"not asked":  {status: http.StatusNoContent},
		"cut short":  {text: priced("9e-6")[:20]},
		"a slip":     {text: priced("9")},
		"too large":  {text: priced("9e-6") + strings.Repeat(" ", 1000)},
	} {
		r.MaxBytes, r.Client = 500, &http.Client{Transport: broken}
		if feed, changed, err := r.Refresh(t.Context()); err == nil || changed || feed != nil {
			t.Errorf("%s: %v, %t, %v", name, feed, changed, err)
		}
	}
	s.etag, s.text, r.Client = `"c"`, priced("2e-6"), &http.Client{Transport: s}
	if again, changed, err = r.Refresh(t.Context()); err != nil || !changed || inputPrice(again.Catalog, time.Now()) != "0.000002" {
		t.Errorf("changed: %t, %v", changed, err)
	}
}

func TestRefreshRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &listServer{text: `{"same": {"litellm_provider": "openai", "input_cost_per_token": 5e-6}, "gone": {"litellm_provider": "openai", "input_cost_per_token": 7e-6},` + priced("1e-6")[1:]}
		r := refresherOf(s)
		start := time.Now()
		_, _, err := r.Refresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		s.text = `{"same": {"litellm_provider": "openai", "input_cost_per_token": 5e-6},` + priced("2e-6")[1:]
		f, _, err := r.Refresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range map[time.Time]string{start: "0.000001", start.Add(time.Hour - 1): "0.000001", start.Add(time.Hour): "0.000002"} {
			if got := inputPrice(f.Catalog, at); got != want {
				t.Errorf("after %s: %s, want %s", at.Sub(start), got, want)
			}
		}
		if got := inputPriceOf(f.Catalog, "gone", start); got != "0.000007" {
			t.Errorf("what is gone was %s", got)
		}
		if got := inputPriceOf(f.Catalog, "gone", start.Add(time.Hour)); !strings.Contains(got, "no price at") {
			t.Errorf("what is gone is %s", got)
		}
		cost, err := f.Catalog.Cost(price.Query{Provider: "openai", Model: "same", Tier: "standard", At: start.Add(2 * time.Hour)}, price.Usage{})
		if want := "l/openai/same/" + start.UTC().Format(time.DateOnly) + "/standard"; err != nil || cost.PriceID != want {
			t.Errorf("%s, %v, want %s", cost.PriceID, err, want)
		}
	})
}

func TestRefreshKeeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.json")
	s := &listServer{text: priced("1e-6"), etag: `"a"`}
	r := refresherOf(s)
	r.Path = path
	if _, err := r.Cached(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing kept: %v", err)
	}
	if _, _, err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}

	next := refresherOf(&listServer{err: io.ErrUnexpectedEOF})
	next.Path = path
	f, err := next.Cached()
	if err != nil || inputPrice(f.Catalog, time.Now()) != "0.000001" {
		t.Fatal(err)
	}

	// A new process asks whether what was kept still holds, and is given it where it does.
	third := refresherOf(s)
	third.Path = path
	f, changed, err := third.Refresh(t.Context())
	if err != nil || !changed || s.asked[1].Get("If-None-Match") != `"a"` || inputPrice(f.Catalog, time.Now()) != "0.000001" {
		t.Errorf("%t, %v, asked %v", changed, err, s.asked[1])
	}

	// A bad list is not kept.
	s.text, s.etag = "{", ""
	if _, _, err := third.Refresh(t.Context()); err == nil {
		t.Error("a bad list was taken")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != priced("1e-6") {
		t.Errorf("kept %s, %v", text, err)
	}

	// A crash between the two writes leaves a whole list, of which less is known.
	if err := os.WriteFile(path, []byte(priced("3e-6")), 0o600); err != nil {
		t.Fatal(err)
	}
	down := &listServer{err: errors.New("down")}
	fourth := refresherOf(down)
	fourth.Path = path
	if f, err := fourth.Cached(); err != nil || inputPrice(f.Catalog, time.Now().Add(time.Minute)) != "0.000003" {
		t.Errorf("%v", err)
	}
	if _, _, err := fourth.Refresh(t.Context()); err == nil || down.asked[0].Get("If-None-Match") != "" {
		t.Errorf("%v, asked with %v", err, down.asked[0])
	}
	if files, err := filepath.Glob(path + "*"); err != nil || len(files) != 2 {
		t.Errorf("left behind: %v, %v", files, err)
	}

	other := refresherOf(s)
	other.Path, other.URL = filepath.Join(t.TempDir(), "prices.json"), "https://other.example/"
	s.text = priced("1e-6")
	if _, _, err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.URL = r.URL
	if _, err := other.Cached(); err == nil || !strings.Contains(err.Error(), "another URL") {
		t.Errorf("another URL's: %v", err)
	}

	nowhere := refresherOf(s)
	nowhere.Path = filepath.Join(t.TempDir(), "no", "such", "folder")
	if f, changed, err := nowhere.Refresh(t.Context()); err == nil || !changed || f == nil {
		t.Errorf("not kept: %v, %t, %v", f, changed, err)
	}
}

func TestRefresherRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.json")
	seed := refresherOf(&listServer{text: priced("1e-6"), etag: `"a"`})
	seed.Path = path
	if _, _, err := seed.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := &listServer{err: io.ErrUnexpectedEOF}
		r := refresherOf(s)
		r.Path = path
		var seen []string
		var failures []error
		r.OnError = func(err error) { failures = append(failures, err) }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		far := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		go func() {
			done <- r.Run(ctx, 24*time.Hour, func(f *price.Feed) { seen = append(seen, inputPrice(f.Catalog, far)) })
		}()
		step := func(want string, errs int) {
			t.Helper()
			synctest.Wait()
			if got := fmt.Sprint(seen); got != want || len(failures) != errs {
				t.Errorf("used %s with %d failures %v, want %s with %d", got, len(failures), failures, want, errs)
			}
		}
		step("[0.000001]", 1)
		s.now("{", nil)
		time.Sleep(27 * time.Hour)
		step("[0.000001]", 2)
		s.now(priced("2e-6"), nil)
		time.Sleep(27 * time.Hour)
		step("[0.000001 0.000002]", 2)
		time.Sleep(10 * 24 * time.Hour)
		step("[0.000001 0.000002]", 2)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		for i := 1; i < len(s.when); i++ {
			if gap := s.when[i].Sub(s.when[i-1]); gap < 21*time.Hour || gap > 27*time.Hour {
				t.Errorf("fetched again after %s", gap)
			}
		}
	})
}

func TestRefreshTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := refresherOf(nil)
		r.Client = &http.Client{Transport: stuck{}}
		start := time.Now()
		if _, _, err := r.Refresh(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Minute {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// stuck is a server that never answers.
type stuck struct{}

func (stuck) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}
