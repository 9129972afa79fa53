package feed_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/feed"
	"github.com/skinflint-go/skinflint/policy/price"
)

// listHost serves a list that does not change.
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
	var book price.Book
	r := &feed.Refresher{
		URL:    "https://lists.example/prices.json",
		Client: &http.Client{Transport: listHost(`{"gpt-example": {"litellm_provider": "openai", "input_cost_per_token": 2e-06, "max_input_tokens": 8192}}`)},
		Load: func(r io.Reader, asOf time.Time) (*price.Feed, error) {
			return price.LoadLiteLLM("litellm", r, price.FeedConfig{AsOf: asOf, Previous: price.Embedded()})
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
			return price.LoadLiteLLM("litellm", r, price.FeedConfig{AsOf: asOf})
		},
	}
	err := r.Run(ctx, 24*time.Hour, func(f *price.Feed) {
		fmt.Println(f.Models, "model")
		cancel() // a program would let Run continue, in a goroutine of its own
	})
	fmt.Println(err)
	// Output:
	// 1 model
	// context canceled
}

// The network fails at the start of the program: the list of the run before is used.
func ExampleRefresher_Cached() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	refresher := func(client *http.Client) *feed.Refresher {
		return &feed.Refresher{
			URL: "https://lists.example/prices.json", Client: client, Path: filepath.Join(dir, "prices.json"),
			Load: func(r io.Reader, asOf time.Time) (*price.Feed, error) {
				return price.LoadLiteLLM("litellm", r, price.FeedConfig{AsOf: asOf})
			},
		}
	}
	works := listHost(`{"gpt-example": {"litellm_provider": "openai", "input_cost_per_token": 2e-06}}`)
	if _, _, err := refresher(&http.Client{Transport: works}).Refresh(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	list, err := refresher(nil).Cached() // of another run of the program
	fmt.Println(list.Models, "model", err)
	// Output: 1 model <nil>
}
