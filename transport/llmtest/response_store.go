package llmtest

import (
	"encoding/json"
	"sync"
	"time"
)

// savedResponse is a response of OpenAI's Responses API that can be retrieved later.
type savedResponse struct {
	g             Generation
	tier          string // that was asked for; "auto" if none was
	maxTokens     int64
	noObfuscation bool
	store         bool
	background    bool
	done          time.Time
	cancelled     bool // before it was done
	pieces        []string
	calls         []ToolCall
	chunks        int             // as in Config
	instructions  json.RawMessage // as they were sent
}

// status returns the status of the response at the time now.
func (r *savedResponse) status(now time.Time) string {
	switch {
	case r.cancelled:
		return "cancelled"
	case now.Before(r.done):
		return "in_progress"
	case len(r.calls) == 0 && r.maxTokens > 0 && r.g.Completion >= r.maxTokens:
		return "incomplete"
	}
	return "completed"
}

// responseStore holds responses by their ids. Its zero value is empty.
type responseStore struct {
	mu   sync.Mutex
	byID map[string]*savedResponse
}

func (s *responseStore) add(r *savedResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*savedResponse{}
	}
	s.byID[r.g.ID] = r
}

// lookUp returns a copy of the response with the id, and whether there is one.
func (s *responseStore) lookUp(id string) (savedResponse, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.byID[id]; r != nil {
		return *r, true
	}
	return savedResponse{}, false
}

// cancel cancels the response with the id, which must exist, unless it is done.
func (s *responseStore) cancel(id string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.byID[id]; now.Before(r.done) {
		r.cancelled = true
	}
}
