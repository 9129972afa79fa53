package cachedcontent

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes. A page of caches has less than a tenth of it.
const maxAnswer = 4 << 20

// cache sends a request whose answer is a cache.
func (c *Client) cache(ctx context.Context, r *request) (Cache, error) {
	body, err := c.do(ctx, r)
	if err != nil {
		return Cache{}, err
	}
	cache, err := parseCache(body)
	if err != nil {
		return Cache{}, unreadable(r, err)
	}
	return cache, nil
}

// page sends a request whose answer is a page of caches.
func (c *Client) page(ctx context.Context, r *request) (page pageBody, err error) {
	body, err := c.do(ctx, r)
	if err != nil {
		return page, err
	}
	if page, err = parsePage(body); err != nil {
		return page, unreadable(r, err)
	}
	return page, nil
}

// read returns the body of an answer, decompressed and bounded.
func (c *Client) read(r *request, resp *http.Response) ([]byte, error) {
	body, err := readAll(resp)
	if err != nil {
		return nil, unreadable(r, err)
	}
	return body, nil
}

func readAll(resp *http.Response) ([]byte, error) {
	var from io.Reader = resp.Body
	switch encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, errors.New("it says that it is compressed, and is not")
		}
		from = z
	default:
		return nil, errors.New("it is compressed in a way that is not known")
	}
	body, err := io.ReadAll(io.LimitReader(from, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it ended early: %w", err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("it is longer than %d bytes", maxAnswer)
	}
	return body, nil
}

// The shapes of answers.
type (
	cacheBody struct {
		Name        string `json:"name"`
		Model       string `json:"model"`
		DisplayName string `json:"displayName"`
		CreateTime  moment `json:"createTime"`
		UpdateTime  moment `json:"updateTime"`
		ExpireTime  moment `json:"expireTime"`
		Usage       struct {
			Total        count `json:"totalTokenCount"`
			Text         count `json:"textCount"`
			Images       count `json:"imageCount"`
			VideoSeconds count `json:"videoDurationSeconds"`
			AudioSeconds count `json:"audioDurationSeconds"`
		} `json:"usageMetadata"`
	}
	pageBody struct {
		Caches []cacheBody `json:"cachedContents"`
		Next   string      `json:"nextPageToken"`
	}
)

// parseCache reads a cache's metadata.
func parseCache(body []byte) (Cache, error) {
	var b cacheBody
	if err := json.Unmarshal(body, &b); err != nil {
		return Cache{}, notJSON(err)
	}
	if b.Name == "" {
		return Cache{}, errors.New("it has no name of a cache")
	}
	return b.cache(), nil
}

// parsePage reads a page of caches.
func parsePage(body []byte) (page pageBody, err error) {
	if err := json.Unmarshal(body, &page); err != nil {
		return pageBody{}, notJSON(err)
	}
	for _, one := range page.Caches {
		if one.Name == "" {
			return pageBody{}, errors.New("it has a cache without a name")
		}
	}
	return page, nil
}

func (b *cacheBody) cache() Cache {
	u := b.Usage
	return Cache{
		Name: b.Name, Model: b.Model, DisplayName: b.DisplayName,
		Usage:      Usage{int64(u.Total), int64(u.Text), int64(u.Images), int64(u.VideoSeconds), int64(u.AudioSeconds)},
		CreateTime: b.CreateTime.Time, UpdateTime: b.UpdateTime.Time, ExpireTime: b.ExpireTime.Time,
	}
}

// notJSON returns an error that does not quote the document, as those of encoding/json may.
func notJSON(err error) error {
	var at *json.UnmarshalTypeError
	if errors.As(err, &at) && at.Field != "" {
		return fmt.Errorf("its %s has another type", at.Field)
	}
	return errors.New("it is not the JSON that the API documents")
}

// A count is a number that is not negative, which Google's JSON writes as a number or as a string.
type count int64

// UnmarshalJSON implements [json.Unmarshaler].
func (n *count) UnmarshalJSON(text []byte) error {
	s := strings.Trim(string(text), `"`)
	if s == "null" {
		return nil
	}
	v, err := json.Number(s).Int64()
	if err != nil || v < 0 {
		return errors.New("it is no count")
	}
	*n = count(v)
	return nil
}

// A moment is a time, or none.
type moment struct{ time.Time }

// UnmarshalJSON implements [json.Unmarshaler].
func (m *moment) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if s == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return errors.New("it is no time")
	}
	m.Time = t
	return nil
}
