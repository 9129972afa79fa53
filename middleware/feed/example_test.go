package feed_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/feed"
	"github.com/skinflint-go/skinflint/policy/price"
)

// listHost is a server of a list that does not change.
type listHost string

func (list listHost) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"1"`}}, Request: req}
	if req.Header.Get("If-None-Match") == `"1"` {
		resp.StatusCode, list = http.StatusNotModified, ""
	}
	resp.Body = io.NopCloser(strings.NewReader(string(list)))
	return resp, nil
}

func ExampleRefresher() {
	book := price.NewBook(nil)
	r := &feed.Refresher{
		URL:    "https://lists.example/prices.json",
		Client: &http.Client{Transport: listHost(`{"gpt-example": {"litellm_provider": "openai", "input_cost_per_token": 2e-06, "max_input_tokens": 8192}}`)},
		Load: func(r io.Reader, asOf time.Time) (*price.Feed, error) {
			return price.LoadLiteLLM("litellm", r, asOf, price.Against(price.Embedded()))
		},
	}
	for range 2 {
		list, changed, err := r.Refresh(context.Background())
		if err == nil && changed {
			book.SetFeed(list.Catalog)
		}
		fmt.Println(changed, err)
	}
	fmt.Println(book.Catalog().Limits("openai", "gpt-example"))
	// Output:
	// true <nil>
	// false <nil>
	// 8192 0 true
}

func ExampleRefresher_Run() {
	ctx, cancel := context.WithCancel(context.Background())
	r := &feed.Refresher{
		URL:    "https://lists.example/prices.json",
		Client: &http.Client{Transport: listHost(`{"gpt-example": {"litellm_provider": "openai", "input_cost_per_token": 2e-06}}`)},
		Load: func(r io.Reader, asOf time.Time) (*price.Feed, error) {
			return price.LoadLiteLLM("litellm", r, asOf)
		},
	}
	err := r.Run(ctx, 24*time.Hour, func(f *price.Feed) {
		fmt.Println(f.Models, "model")
		cancel() // a program would go on, and do this in a goroutine of its own
	})
	fmt.Println(err)
	// Output:
	// 1 model
	// context canceled
}
