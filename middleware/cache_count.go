package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// countTimeout bounds how long the provider may take to count tokens.
const countTimeout = time.Minute

// count asks the provider how many tokens the cache will hold, which is free. Without that, each byte counts as a token.
func (s *scope) count(ctx context.Context, n *creation) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	body, model := string(n.body), "/models/"+s.model+":countTokens"
	if strings.HasPrefix(s.account, "projects/") {
		model = "/publishers/google" + model
	} else {
		body = `{"generateContentRequest":` + body + `}`
	}
	s.mu.Lock()
	sender := s.sender
	s.mu.Unlock()
	req, err := sender.request(n.errand.context(ctx, sender.next), http.MethodPost, "", []byte(body))
	if err != nil {
		return 0, err
	}
	extendPath(req.URL, "/cachedContents", model)
	resp, err := sender.chain.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the provider answers %d", resp.StatusCode)
	}
	var counted struct{ TotalTokens int64 }
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&counted)
	if err == nil && counted.TotalTokens <= 0 {
		err = fmt.Errorf("the answer has %d tokens", counted.TotalTokens)
	}
	return counted.TotalTokens, err
}

// exceeds reports whether the cache could cost more than it may, by a bound that is much too high if its tokens were not counted.
func (n *creation) exceeds() bool {
	return n.tokens == 0 && (n.noMost != nil || n.most > n.set.MaxCost)
}

// countFirst has the bound of a cache follow from the tokens that the provider counts, if it does count them.
func (s *scope) countFirst(ctx context.Context, n *creation) {
	s.mu.Lock()
	err := n.paused(s, time.Now())
	s.mu.Unlock()
	if err != nil {
		return // start says so
	}
	tokens, err := s.count(ctx, n)
	if err != nil {
		s.log("has a bound by its bytes only: its tokens could not be counted", err)
		return
	}
	s.mu.Lock()
	n.held.counted = tokens
	q, media := n.held.query, n.held.media
	s.mu.Unlock()
	n.tokens = tokens
	s.bound(n, q, media, time.Now())
}

// countAndCreate creates a cache for a call that does not wait.
func (s *scope) countAndCreate(n *creation) {
	s.countFirst(context.Background(), n)
	err := s.start(n, time.Now())
	switch {
	case err == nil:
		s.create(n)
		return
	case !errors.Is(err, errExists):
		s.log("was not created", err)
	}
	if n.visit != nil {
		n.visit.NotMade(time.Now())
	}
}
