package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/transport"
)

type lineCounter struct{ lines int }

func (c *lineCounter) Observe(p []byte) (int, transport.Seen) {
	c.lines += strings.Count(string(p), "\n")
	return len(p), 0
}

func (c *lineCounter) End(how transport.End, err error) {
	fmt.Println(c.lines, "lines,", how, err)
}

func ExampleWatcher_Watch() {
	resp := &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("one\ntwo\n"))}
	var watcher transport.Watcher // one for the program
	watcher.Watch(context.Background(), resp, &lineCounter{}, transport.WatchOptions{IdleTime: 10 * time.Minute})
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	// Output: 2 lines, eof <nil>
}
