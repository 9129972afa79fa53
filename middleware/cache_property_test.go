package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A shelf makes random use of context caches, and watches what is sent: it stands between the stack and the provider.
type shelf struct {
	*world
	random  *rand.Rand
	faulty  bool        // the provider has faults
	faults  atomic.Bool // and has them now
	killed  bool        // the provider lost a cache by itself
	slow    bool        // its answers take time
	policy  policy.Policy
	handles []*middleware.CacheHandle

	mu      sync.Mutex
	next    int
	asked   map[string]string    // what each call asks, by its question
	created map[string][]byte    // the requests that created caches, by name
	unnamed map[string][]byte    // the requests that were to create caches, by display name
	refused map[string]time.Time // when the provider first refused a name
	spent   []expense            // on caches
	limited map[string]bool      // the questions that met a rate limit, which may be before their bodies were read
	failed  []string             // the questions of calls that failed
}

// An expense is what a creation or an extension may cost with its storage.
type expense struct {
	at   time.Time
	cost price.Pico
}

// documents are what the calls share.
var documents = []string{book[:len(book)/2], "Of colours. " + book[:len(book)/2], "Of queries. " + book[:len(book)/3]}

// question returns a request about a document, and whether its system instruction is that of the document.
func (s *shelf) question(document, n int, other bool) string {
	system := fmt.Sprintf("Answer from book %d.", document)
	if other {
		system += " Be brief."
	}
	b, _ := json.Marshal(map[string]any{
		"systemInstruction": map[string]any{"parts": []any{map[string]any{"text": system}}},
		"contents": []any{
			map[string]any{"role": "user", "parts": []any{map[string]any{"text": documents[document]}}},
			map[string]any{"role": "user", "parts": []any{map[string]any{"text": fmt.Sprintf("Question %d?", n)}}},
		},
	})
	return string(b)
}

// content is a document to register.
func (s *shelf) content(document int, ttl time.Duration) cachedcontent.Content {
	return cachedcontent.Content{
		Model: cacheModel, TTL: ttl,
		System: []cachedcontent.Part{cachedcontent.Text(fmt.Sprintf("Answer from book %d.", document))},
		Turns:  []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(documents[document]))},
	}
}

// RoundTrip passes a request on to the provider, and checks it.
func (s *shelf) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	_, operation, _ := strings.Cut(req.URL.Path, ":")
	switch {
	case operation != "":
		return s.generate(req, body)
	case req.Method == http.MethodPost:
		return s.create(req, body)
	case req.Method == http.MethodPatch:
		s.extend(req, body)
	case req.Method == http.MethodGet:
		return s.list(req)
	}
	return s.provider.Transport().RoundTrip(req)
}

// generate checks that the prompt is what the call asks, and that no name is sent that was refused before.
func (s *shelf) generate(req *http.Request, body []byte) (*http.Response, error) {
	whole, question, name := s.whole(body)
	s.mu.Lock()
	if want := s.asked[question]; !reflect.DeepEqual(whole, parsed(want)) {
		s.Errorf("%s: the provider sees\n%.300v, want\n%.300s", question, whole, want)
	}
	if at, dead := s.refused[name]; dead && time.Now().After(at) {
		s.Errorf("%s was sent again %v after it was refused", name, time.Since(at))
	}
	s.mu.Unlock()
	resp, err := s.provider.Transport().RoundTrip(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
	case name != "" && resp.StatusCode == http.StatusForbidden && s.refused[name].IsZero():
		s.refused[name] = time.Now()
	case resp.StatusCode == http.StatusTooManyRequests:
		s.limited[question] = true
	}
	return resp, err
}

// whole puts together what the provider sees of a prompt, and returns it with the question and the cache's name.
func (s *shelf) whole(body []byte) (whole map[string]any, question, name string) {
	whole = parsed(string(body))
	if name, _ = whole["cachedContent"].(string); name != "" {
		delete(whole, "cachedContent")
		s.mu.Lock()
		cached := parsed(string(s.created[name]))
		s.mu.Unlock()
		turns, _ := cached["contents"].([]any)
		rest, _ := whole["contents"].([]any)
		whole["contents"] = slices.Concat(turns, rest)
		whole["systemInstruction"] = cached["systemInstruction"]
	}
	turns, _ := whole["contents"].([]any)
	if len(turns) > 0 {
		question = fmt.Sprint(turns[len(turns)-1])
	}
	return whole, question, name
}

func parsed(body string) (v map[string]any) {
	json.Unmarshal([]byte(body), &v)
	return v
}

// create notes what a cache holds, and checks that it was to be created.
func (s *shelf) create(req *http.Request, body []byte) (*http.Response, error) {
	now := time.Now()
	want := parsed(string(body))
	s.mu.Lock()
	s.unnamed[fmt.Sprint(want["displayName"])] = body
	s.mu.Unlock()
	resp, err := s.provider.Transport().RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	answer, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(answer), errorReader{err}))
	var made struct {
		Name  string
		Usage struct{ TotalTokenCount int64 } `json:"usageMetadata"`
	}
	if json.Unmarshal(answer, &made) != nil {
		return resp, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.provider.Caches() {
		same := parsed(string(s.created[c.Name]))
		if c.Name != made.Name && c.Alive(now) && c.Expires.Sub(now) > 5*time.Second && !s.faulty &&
			reflect.DeepEqual(same["contents"], want["contents"]) && reflect.DeepEqual(same["systemInstruction"], want["systemInstruction"]) {
			s.Errorf("%s was created while %s lives for %v", made.Name, c.Name, c.Expires.Sub(now))
		}
	}
	s.created[made.Name] = body
	cost, _ := price.Embedded().Cost(price.Query{Provider: "gemini", Model: cacheModel, Tier: "standard", At: now}, price.Usage{Input: made.Usage.TotalTokenCount})
	s.spent = append(s.spent, expense{now, cost.Cost + s.storage(made.Usage.TotalTokenCount, now, now.Add(lifetime(want)))})
	return resp, nil
}

// list notes the caches that are found again although their creation was not answered.
func (s *shelf) list(req *http.Request) (*http.Response, error) {
	resp, err := s.provider.Transport().RoundTrip(req)
	if err != nil {
		return resp, err
	}
	answer, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(answer), errorReader{err}))
	var list struct {
		CachedContents []struct{ Name, DisplayName string }
	}
	json.Unmarshal(answer, &list)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range list.CachedContents {
		if body := s.unnamed[c.DisplayName]; body != nil {
			s.created[c.Name] = body
		}
	}
	return resp, nil
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) {
	if r.err == nil {
		return 0, io.EOF
	}
	return 0, r.err
}

// extend notes what it costs to hold a cache for longer.
func (s *shelf) extend(req *http.Request, body []byte) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.provider.Caches() {
		if strings.HasSuffix(req.URL.Path, c.Name) && c.Alive(now) {
			if more := now.Add(lifetime(parsed(string(body)))).Sub(c.Expires); more > 0 {
				s.spent = append(s.spent, expense{now, s.storage(c.Tokens, c.Expires, c.Expires.Add(more))})
			}
		}
	}
}

func lifetime(request map[string]any) time.Duration {
	d, _ := time.ParseDuration(fmt.Sprint(request["ttl"]))
	return d
}

func (s *shelf) storage(tokens int64, from, until time.Time) price.Pico {
	c, err := price.Embedded().Storage(price.Query{Provider: "gemini", Model: cacheModel, At: from}, tokens, from, until)
	if err != nil {
		s.Error(err)
	}
	return c.Cost
}

// step does one random thing.
func (s *shelf) step() {
	r := s.random
	document := r.IntN(len(documents))
	switch n := r.IntN(100); {
	case n < 45:
		s.call(document)
	case n < 52:
		s.burst(document, 2+r.IntN(20))
	case n < 63:
		s.ensure(document)
	case n < 66 && len(s.handles) > 0:
		s.close()
	case n < 69:
		s.kill()
	case n < 72:
		s.change()
	case n < 90:
		time.Sleep(time.Duration(r.IntN(120)) * time.Second)
	case n < 97:
		time.Sleep(time.Duration(r.IntN(1800)) * time.Second)
	default:
		time.Sleep(time.Duration(r.IntN(5)) * time.Hour)
	}
}

// burst does several things at once.
func (s *shelf) burst(document, n int) {
	var all sync.WaitGroup
	mixed := s.random.IntN(2) == 0
	for i := range n {
		switch {
		case mixed && i%5 == 3:
			all.Go(func() { s.ensure(document) })
		case mixed && i%5 == 4:
			all.Go(s.close)
		default:
			all.Go(func() { s.call(document) })
		}
	}
	all.Wait()
}

// close closes a handle.
func (s *shelf) close() {
	s.mu.Lock()
	if len(s.handles) == 0 {
		s.mu.Unlock()
		return
	}
	i := s.random.IntN(len(s.handles))
	h := s.handles[i]
	s.handles = slices.Delete(s.handles, i, i+1)
	s.mu.Unlock()
	if err := h.Close(s.context()); err != nil && !s.faulty && !s.lostOne(err) {
		s.Error(err)
	}
}

// lostOne reports whether an error says that a cache was not found that the provider has lost by itself: it might live.
func (s *shelf) lostOne(err error) bool {
	return s.killed && strings.Contains(err.Error(), "the key may not delete it (403)")
}

// kill has the provider lose a cache.
func (s *shelf) kill() {
	caches := s.provider.Caches()
	for _, c := range slices.Backward(caches) {
		if c.Alive(time.Now()) && s.random.IntN(3) > 0 {
			s.killed = true
			s.provider.KillCache(c.Name)
			return
		}
	}
}

// change puts another policy in force. The caps stay.
func (s *shelf) change() {
	p, r := s.policy, s.random
	p.Cache.Mode = []policy.CacheMode{policy.CacheAuto, policy.CacheAuto, policy.CacheOff}[r.IntN(3)]
	if p.Cache.Mode == policy.CacheAuto {
		p.Cache.Create = []policy.CacheTiming{policy.CacheBefore, policy.CacheBeside}[r.IntN(2)]
	}
	p.MaxAttempts = r.IntN(4)
	if err := s.stack.SetPolicy(p); err != nil {
		s.Error(err)
	}
}

// context is that of the program's calls.
func (s *shelf) context() context.Context {
	return policy.With(s.Context(), policy.Tag("run", "shelf"))
}

func (s *shelf) ensure(document int) {
	s.mu.Lock()
	within, ttl := time.Hour, time.Duration(20+s.random.IntN(3600))*time.Second
	if s.random.IntN(8) == 0 {
		within = time.Duration(s.random.IntN(1000)) * time.Millisecond
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.context(), within)
	defer cancel()
	h, err := s.stack.Ensure(ctx, s.caches(), s.content(document, ttl))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.handles = append(s.handles, h)
	} else if strings.HasSuffix(err.Error(), ": ") {
		s.Errorf("%q", err)
	}
}

// call makes a call about a document. It may have a deadline, and may leave its answer half read.
func (s *shelf) call(document int) {
	s.mu.Lock()
	r := s.random
	s.next++
	body := s.question(document, s.next, r.IntN(6) == 0)
	_, question, _ := s.wholeOf(body)
	s.asked[question] = body
	stream, early, within := r.IntN(2) == 0, r.IntN(8) == 0, time.Hour
	if r.IntN(3) == 0 {
		within = time.Duration(10+r.IntN(60)) * time.Second
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.context(), within)
	defer cancel()
	url := geminiURL
	if stream {
		url = strings.Replace(url, ":generateContent", ":streamGenerateContent?alt=sse", 1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("X-Goog-Api-Key", geminiKey)
	resp, err := s.client.Do(req)
	if err == nil {
		defer resp.Body.Close()
		if early {
			io.ReadFull(resp.Body, make([]byte, 10))
			return
		}
		_, err = io.Copy(io.Discard, resp.Body)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		s.mu.Lock()
		s.failed = append(s.failed, question)
		s.mu.Unlock()
		if !s.faulty {
			s.Errorf("a call failed: %v, %v", resp, err)
		}
	}
}

// wholeOf is whole for a request that names no cache.
func (s *shelf) wholeOf(body string) (whole map[string]any, question, name string) {
	return (&shelf{}).whole([]byte(body))
}

// check checks what must hold at any moment.
func (s *shelf) check() {
	s.Helper()
	now := time.Now()
	if live, _ := s.provider.CacheCount(now); !s.faulty && live > s.policy.Cache.MaxLive {
		s.Errorf("%d caches live, max_live is %d", live, s.policy.Cache.MaxLive)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum price.Pico
	for _, e := range slices.Backward(s.spent) {
		if now.Sub(e.at) >= time.Hour {
			break
		}
		sum += e.cost
	}
	if sum > s.policy.Cache.MaxCostPerHour {
		s.Errorf("$%s was spent within an hour, the cap is $%s", sum, s.policy.Cache.MaxCostPerHour)
	}
}

// finish closes everything, and checks the accounts.
func (s *shelf) finish() {
	s.Helper()
	s.faults.Store(false)
	if err := s.stack.Close(s.context()); err != nil && !s.lostOne(err) {
		s.Error(err)
	}
	synctest.Wait()
	s.checkLeft()
	s.checkLost()
	s.checkCosts()
	s.checkTags()
}

// checkLeft checks that no cache is left whose name was seen.
func (s *shelf) checkLeft() {
	s.Helper()
	for _, c := range s.provider.Caches() {
		if (s.created[c.Name] != nil || !s.faulty) && c.Alive(time.Now()) {
			s.Errorf("%s is still alive, until %v", c.Name, c.Expires)
		}
	}
}

// checkLost checks that no call failed without a fault of its own.
func (s *shelf) checkLost() {
	s.Helper()
	faults := map[string]llmtest.Fault{}
	for _, r := range s.provider.Requests() {
		if strings.Contains(r.Path, ":") {
			_, question, _ := s.whole(r.Body)
			faults[question] = max(faults[question], r.Fault)
		}
	}
	for _, question := range s.failed {
		if faults[question] == llmtest.NoFault && !s.limited[question] {
			s.Errorf("%s failed although the provider served it", question)
		}
	}
}

// checkCosts compares the ledger with the meter.
func (s *shelf) checkCosts() {
	s.Helper()
	var cost, uncached, storage price.Sum
	book := price.Embedded()
	for _, g := range s.provider.Meter() {
		q := price.Query{Provider: "gemini", Model: g.Model, Tier: "standard", At: g.At}
		c, err := book.Cost(q, price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning})
		if err != nil {
			s.Fatal(err)
		}
		cost.Add(c.Cost)
		if g.Operation != wire.CreateCache {
			uncached.Add(c.Uncached)
		}
	}
	for _, c := range s.provider.Caches() {
		storage.Add(s.storage(c.Tokens, c.Created, c.Created.Add(c.Stored(time.Now()))))
	}
	totals := s.stack.Totals()
	known := totals.Cost
	known.AddSum(totals.Exposure)
	known.AddSum(totals.Storage)
	metered := cost
	metered.AddSum(storage)
	unpriced := slices.ContainsFunc(s.stack.Rows(), func(r ledger.Row) bool { return r.Outcome == policy.Storage && r.Unpriced != "" })
	if known.Cmp(metered) < 0 && !unpriced {
		s.Errorf("the meter says $%v, the ledger at most $%v", metered, known)
	}
	s.checkGroups()
	if s.faulty {
		return
	}
	exact := storage.Cmp(totals.Storage) == 0 || (s.killed || s.slow) && storage.Cmp(totals.Storage) < 0
	if !exact {
		s.Errorf("storage costs $%v, the ledger says $%v", storage, totals.Storage)
	}
	if totals.Unpriced > 0 || totals.Exposure.Cmp(price.Sum{}) != 0 {
		return // streams that were left early
	}
	if totals.Cost.Cmp(cost) != 0 {
		s.Errorf("the meter says $%v, the ledger $%v", cost, totals.Cost)
	}
	if saved := uncached.Minus(cost).Minus(totals.Storage); totals.Saved.Cmp(saved) != 0 {
		s.Errorf("$%v are saved, the ledger says $%v", saved, totals.Saved)
	}
}

// checkGroups checks that rows and groups add up to the totals.
func (s *shelf) checkGroups() {
	s.Helper()
	totals := s.stack.Totals()
	var rows, groups ledger.Total
	for _, r := range s.stack.Rows() {
		if r.Outcome == policy.Storage {
			rows.Storage.Add(r.Cost.Pico)
		} else {
			rows.Cost.Add(r.Cost.Pico)
		}
	}
	for name, g := range totals.By {
		if strings.HasPrefix(name, "model:") {
			groups.Cost.AddSum(g.Cost)
			groups.Storage.AddSum(g.Storage)
			groups.Saved.AddSum(g.Saved)
		}
	}
	if rows.Cost != totals.Cost || rows.Storage != totals.Storage || groups.Cost != totals.Cost || groups.Storage != totals.Storage || groups.Saved != totals.Saved {
		s.Errorf("rows $%v and $%v, groups $%v and $%v, totals $%v and $%v", rows.Cost, rows.Storage, groups.Cost, groups.Storage, totals.Cost, totals.Storage)
	}
}

// checkTags checks that all rows have the tags of what caused them, and that parents exist.
func (s *shelf) checkTags() {
	s.Helper()
	calls := map[string]bool{}
	rows := s.stack.Rows()
	for _, r := range rows {
		calls[r.Call] = true
	}
	for _, r := range rows {
		if r.Tags["run"] != "shelf" {
			s.Errorf("no tags: %+v", r)
			return
		}
		if r.Parent != "" && !calls[r.Parent] || r.Outcome == policy.Storage && r.Parent == "" {
			s.Errorf("its parent is %q: %+v", r.Parent, r)
			return
		}
	}
}

// Whatever happens to context caches, in any order, no answer is lost or lacks its document, and the accounts are exact.
func TestCacheLifecycles(t *testing.T) {
	if seed, err := strconv.ParseUint(os.Getenv("SKINFLINT_SEED"), 10, 64); err == nil { // of a run that failed
		lifecycles(t, seed, os.Getenv("SKINFLINT_FAULTS") != "", 500)
		return
	}
	runs := 6
	if testing.Short() {
		runs = 2
	}
	for n := range runs {
		lifecycles(t, rand.Uint64(), n%2 == 1, 500)
	}
}

func lifecycles(t *testing.T, seed uint64, faulty bool, steps int) {
	t.Logf("seed %d, faults %v", seed, faulty)
	s := &shelf{random: rand.New(rand.NewPCG(seed, 1)), faulty: faulty,
		asked: map[string]string{}, created: map[string][]byte{}, unnamed: map[string][]byte{}, refused: map[string]time.Time{}, limited: map[string]bool{}}
	faults := []llmtest.Fault{
		llmtest.ResetBeforeAccept, llmtest.ResetAfterAccept, llmtest.CutStream, llmtest.ServerError, llmtest.ServerErrorAfterWork,
		llmtest.Overloaded, llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.BadRequest, llmtest.Stall, llmtest.EarlyRateLimited,
		llmtest.Slow, llmtest.TrickledError, llmtest.ErrorInStream,
	}
	cfg := llmtest.Config{Seed: seed, Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
		random := rand.New(rand.NewPCG(seed, uint64(n)+2))
		if !s.faults.Load() || random.IntN(4) > 0 {
			return llmtest.NoFault
		}
		return faults[random.IntN(len(faults))]
	})}
	if s.slow = s.random.IntN(2) == 0; s.slow {
		cfg.Latency = time.Duration(1+s.random.IntN(3000)) * time.Millisecond
	}
	s.policy = policy.Policy{Cache: policy.Cache{MaxLive: 1 + s.random.IntN(4), MaxCostPerHour: price.USD / 100 * price.Pico(1+s.random.IntN(30))}}
	synctest.Test(t, func(t *testing.T) {
		provider := llmtest.NewPipe(cfg)
		defer provider.Close()
		stack, err := middleware.New(middleware.WithPolicy(s.policy), middleware.WithBase(s), middleware.WithStore(ledger.NewMemory(100_000)))
		if err != nil {
			t.Fatal(err)
		}
		s.world = &world{t, provider, stack, stack.Client()}
		s.change()
		for range steps {
			s.faults.Store(faulty && s.random.IntN(2) == 0)
			s.step()
			synctest.Wait()
			if s.check(); t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		s.finish()
		checkRows(t, stack.Rows())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	})
	used, made := 0, len(s.created)
	for _, r := range s.stack.Rows() {
		if r.Cache != "" && r.Explicit.Known {
			used++
		}
	}
	t.Logf("%d calls, %d with a cache, %d caches created", s.next, used, made)
	if used < 10 || made < 5 {
		t.Errorf("seed %d: %d calls of %d used a cache, and %d were created", seed, used, s.next, made)
	}
}
