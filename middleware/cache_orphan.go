package middleware

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
)

// This file finds a cache whose creation was not answered: it may exist, and would be charged until it expires.

// orphanTime bounds how long it is looked for.
const orphanTime = 30 * time.Second

// maxLists is how many pages of caches are read.
const maxLists = 20

// A listedCache is what a list says of a cache.
type listedCache struct {
	Name        string
	Model       string
	DisplayName string
	CreateTime  time.Time
	ExpireTime  time.Time
	Usage       struct{ TotalTokenCount json.RawMessage } `json:"usageMetadata"`
}

// tokens returns how many tokens the cache holds; 0, which is not known, if the list does not say, or says what no count can be.
func (c *listedCache) tokens() int64 {
	n, err := strconv.ParseInt(strings.Trim(string(c.Usage.TotalTokenCount), `"`), 10, 64)
	if err != nil || n < 0 || n > maxListed {
		return 0
	}
	return n
}

// maxListed is more tokens than any cache holds.
const maxListed = 1 << 40

// orphan returns the cache with a display name that the scope's model has, after its creation; false if there is none.
func (s *scope) orphan(ctx context.Context, create *errand, display string) (cachedcontent.Entry, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orphanTime)
	defer cancel()
	page := ""
	for range maxLists {
		var list struct {
			Caches []listedCache `json:"cachedContents"`
			Next   string        `json:"nextPageToken"`
		}
		if err := s.list(ctx, create, page, &list); err != nil {
			s.log("may have been created, and is charged until it expires", err)
			return cachedcontent.Entry{}, false
		}
		for _, c := range list.Caches {
			if c.DisplayName == display && lastPart(c.Model) == s.model {
				return cachedcontent.Entry{Name: c.Name, Tokens: c.tokens(), Created: c.CreateTime, Expires: c.ExpireTime, Owner: s.caching.owner}, true
			}
		}
		if page = list.Next; page == "" {
			break
		}
	}
	return cachedcontent.Entry{}, false
}

// list reads a page of the caches of the scope's account.
func (s *scope) list(ctx context.Context, create *errand, page string, into any) error {
	s.mu.Lock()
	sender := s.sender
	s.mu.Unlock()
	e := &errand{parent: create.parent, model: s.model, tags: create.tags}
	req, err := sender.request(e.context(ctx, sender.next), http.MethodGet, "", nil)
	if err != nil {
		return err
	}
	q := url.Values{"pageSize": {"1000"}}
	if page != "" {
		q.Set("pageToken", page)
	}
	req.URL.RawQuery = strings.TrimPrefix(req.URL.RawQuery+"&"+q.Encode(), "&")
	req.Header.Del("Content-Type")
	resp, err := sender.chain.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		e.row.Status = resp.StatusCode
		return e.rejection()
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(into)
}
