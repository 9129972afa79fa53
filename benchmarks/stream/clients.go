package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// These are the keys of the rows.
const (
	plain     = "plain"
	oursShows = "ours-shows"
	oursHides = "ours-hides"
)

// asking is a request that asks for the usage, notAsking one that does not.
const (
	asking    = `{"model":"gpt-5","messages":[{"role":"user","content":"Say it all."}],"stream":true,"stream_options":{"include_usage":true}}`
	notAsking = `{"model":"gpt-5","messages":[{"role":"user","content":"Say it all."}],"stream":true}`
)

// A kind is one row of a table: one way to get the same stream.
type kind struct {
	key, name string
	request   string
	ours      bool
	hides     bool // the event with the usage does not arrive
}

func kinds() []kind {
	return []kind{
		{key: plain, name: "plain", request: asking},
		{key: oursShows, name: "skinflint, the caller asks for usage", request: asking, ours: true},
		{key: oursHides, name: "skinflint, asks for usage and hides it", request: notAsking, ours: true, hides: true},
	}
}

// A client is a kind on one ground.
type client struct {
	kind
	ground *ground
	rt     http.RoundTripper
	store  *checkingStore // of the stack, nil if there is none
	want   []byte         // what has to arrive
	calls  atomic.Int64
	bufs   [][32 << 10]byte // one for each stream at once
}

func open(k kind, g *ground) (*client, error) {
	c := &client{kind: k, ground: g, rt: g.base, want: g.stream.All, bufs: make([][32 << 10]byte, g.atOnce)}
	if k.hides {
		c.want = g.stream.WithoutUsage()
	}
	if k.ours {
		c.store = &checkingStore{memory: ledger.NewMemory(0)}
		stack, err := middleware.New(
			middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}),
			middleware.WithBase(g.base), middleware.WithStore(c.store),
		)
		if err != nil {
			return nil, err
		}
		c.rt = stack
	}
	return c, c.rehearse()
}

// call gets as many streams at once as the ground says.
func (c *client) call() error {
	if c.ground.atOnce == 1 {
		return c.one(&c.bufs[0])
	}
	errs := make([]error, c.ground.atOnce)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { errs[i] = c.one(&c.bufs[i]) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// one gets the stream once, and compares its size. Comparing every byte would add to the time of every client and make the
// differences look smaller.
func (c *client) one(buf *[32 << 10]byte) error {
	size, err := c.get(buf, nil)
	if err == nil && size != len(c.want) {
		err = fmt.Errorf("%d bytes arrived, want %d", size, len(c.want))
	}
	if err != nil {
		return fmt.Errorf("%s, %s: %w", c.ground.name, c.name, err)
	}
	return nil
}

// rehearse gets the stream once, without measuring, and compares every byte.
func (c *client) rehearse() error {
	var kept bytes.Buffer
	if _, err := c.get(&c.bufs[0], &kept); err != nil {
		return fmt.Errorf("%s, %s: %w", c.ground.name, c.name, err)
	}
	if !bytes.Equal(kept.Bytes(), c.want) {
		return fmt.Errorf("%s, %s: %d bytes arrived that are not the %d expected ones", c.ground.name, c.name, kept.Len(), len(c.want))
	}
	return nil
}

var errStatus = errors.New("not answered with 200")

// get gets the stream once and returns its size. keep, if not nil, gets its bytes.
func (c *client) get(buf *[32 << 10]byte, keep *bytes.Buffer) (size int, err error) {
	c.calls.Add(1)
	req, err := http.NewRequest(http.MethodPost, c.ground.root+path, bytes.NewReader([]byte(c.request)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer sk-none")
	resp, err := c.rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return 0, fmt.Errorf("%w: %s: %s", errStatus, resp.Status, text)
	}
	for err == nil {
		var n int
		n, err = resp.Body.Read(buf[:])
		size += n
		if keep != nil {
			keep.Write(buf[:n])
		}
	}
	if err != io.EOF {
		return size, err
	}
	return size, nil
}

// cost is the price of a stream on gpt-5's flex tier, at $0.625 and $5 for a million tokens. It is written down here so that
// it does not come from the catalog.
const cost = "0.100593125"

// A checkingStore is the store of a stack. It checks every row.
type checkingStore struct {
	memory *ledger.Memory
	rows   atomic.Int64
	wrong  atomic.Pointer[ledger.Row]
}

// Add checks a row and stores it.
func (s *checkingStore) Add(r ledger.Row) {
	s.rows.Add(1)
	used := price.Usage{Input: chat.StreamInput, Output: chat.StreamOutput, Reasoning: 64}
	if r.Cost.String() != cost || r.Outcome != policy.Billed || r.UsageSource != ledger.Measured || !sameCounts(r.Usage, used) {
		wrong := r // so that only a wrong row is moved to the heap
		s.wrong.CompareAndSwap(nil, &wrong)
	}
	s.memory.Add(r)
}

// sameCounts compares the counts that a stream can have.
func sameCounts(got, want price.Usage) bool {
	return got.Input == want.Input && got.Output == want.Output && got.Reasoning == want.Reasoning &&
		got.CachedInput == want.CachedInput && got.AudioInput == want.AudioInput && got.AudioOutput == want.AudioOutput
}

// check gets the stream once more, compares every byte, and checks the rows of all calls. It returns a line that says what was
// right.
func (c *client) check() (string, error) {
	if err := c.rehearse(); err != nil {
		return "", err
	}
	where := fmt.Sprintf("%s, %s, %s", c.name, c.ground.name, c.ground.newline)
	if c.store == nil {
		return "", nil
	}
	if r := c.store.wrong.Load(); r != nil {
		return "", fmt.Errorf("%s: a row cost %s, want %s (%s, %+v, %s)", where, r.Cost, cost, r.Outcome, r.Usage, r.Unpriced)
	}
	calls := c.calls.Load()
	if n := c.store.rows.Load(); n != calls {
		return "", fmt.Errorf("%s: %d calls, and %d rows in the ledger", where, calls, n)
	}
	what := "as it was sent"
	if c.hides {
		what = "without the usage that only the stack asked for"
	}
	return fmt.Sprintf("%s: %d streams arrived %s; each row cost exactly $%s", where, calls, what, cost), nil
}
