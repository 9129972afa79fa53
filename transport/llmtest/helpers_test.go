package llmtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const chatPath = "/v1/chat/completions"

// everywhere runs a test over loopback, and over a pipe in a bubble.
func everywhere(t *testing.T, name string, cfg llmtest.Config, test func(*testing.T, *llmtest.Server)) {
	t.Helper()
	t.Run(name+"/loopback", func(t *testing.T) {
		srv := llmtest.NewServer(cfg)
		defer srv.Close()
		test(t, srv)
	})
	t.Run(name+"/pipe", func(t *testing.T) {
		inBubble(t, cfg, test)
	})
}

// bothVersions runs a test everywhere, over HTTP/1 and over HTTP/2.
func bothVersions(t *testing.T, name string, cfg llmtest.Config, test func(*testing.T, *llmtest.Server)) {
	t.Helper()
	everywhere(t, name+"/http1", cfg, test)
	cfg.HTTP2 = true
	everywhere(t, name+"/http2", cfg, test)
}

// bothBubbles runs a test in a bubble, over HTTP/1 and over HTTP/2.
func bothBubbles(t *testing.T, cfg llmtest.Config, test func(*testing.T, *llmtest.Server)) {
	t.Helper()
	for name, http2 := range map[string]bool{"http1": false, "http2": true} {
		cfg.HTTP2 = http2
		t.Run(name, func(t *testing.T) { inBubble(t, cfg, test) })
	}
}

// waitFor returns when ready returns true.
func waitFor(ready func() bool) {
	for !ready() {
		runtime.Gosched()
	}
}

// inBubble runs a test over a pipe in a bubble, which fails if a goroutine is left.
func inBubble(t *testing.T, cfg llmtest.Config, test func(*testing.T, *llmtest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := llmtest.NewPipe(cfg)
		defer srv.Close()
		test(t, srv)
	})
}

// body returns a chat request with further fields put in, such as `"stream":true`.
func body(prompt string, fields ...string) string {
	fields = append([]string{
		`"model":"gpt-5-mini"`,
		fmt.Sprintf(`"messages":[{"role":"user","content":%q}]`, prompt),
	}, fields...)
	return "{" + strings.Join(fields, ",") + "}"
}

// answer is what a client gets.
type answer struct {
	err     error // there is no response
	status  int
	header  http.Header
	body    string
	bodyErr error // the body was cut
}

// send posts a chat request and reads the response.
func send(ctx context.Context, srv *llmtest.Server, body string) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+chatPath, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	res, err := srv.Client().Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, body: string(b), bodyErr: err}
}

// mustSend fails the test unless the response has the status.
func mustSend(t *testing.T, srv *llmtest.Server, body string, status int) answer {
	t.Helper()
	a := send(t.Context(), srv, body)
	if a.err != nil || a.bodyErr != nil || a.status != status {
		t.Fatalf("status %d, errors %v and %v, body %s; want status %d", a.status, a.err, a.bodyErr, a.body, status)
	}
	return a
}

// failure is the error envelope.
type failure struct {
	Error struct {
		Message, Type string
		Param, Code   *string
	}
}

func decode[T any](t *testing.T, data string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return v
}

func deref(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// sse splits a stream into the data of its events, and checks the line ends.
func sse(t *testing.T, stream, end string) []string {
	t.Helper()
	var events []string
	in := bufio.NewReader(strings.NewReader(stream))
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF && line == "" {
			return events
		}
		blank, err2 := in.ReadString('\n')
		data, ok := strings.CutPrefix(line, "data: ")
		data, ok2 := strings.CutSuffix(data, end)
		if err != nil || err2 != nil || !ok || !ok2 || blank != end || strings.HasSuffix(data, "\r") {
			t.Fatalf("event %q followed by %q (%v, %v)", line, blank, err, err2)
		}
		events = append(events, data)
	}
}

// do sends any request and reads the response. target is a path or a URL. header is a list
// of keys and values.
func do(ctx context.Context, srv *llmtest.Server, method, target, body string, header ...string) answer {
	if strings.HasPrefix(target, "/") {
		target = srv.URL + target
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := srv.Client().Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, body: string(b), bodyErr: err}
}

// mustDo fails the test unless the response has the status.
func mustDo(t *testing.T, srv *llmtest.Server, method, target, body string, status int, header ...string) answer {
	t.Helper()
	a := do(t.Context(), srv, method, target, body, header...)
	if a.err != nil || a.bodyErr != nil || a.status != status {
		t.Fatalf("%s %s: status %d, errors %v and %v, body %s; want status %d",
			method, target, a.status, a.err, a.bodyErr, a.body, status)
	}
	return a
}

// keysInOrder fails the test unless the keys are in the body in this order.
func keysInOrder(t *testing.T, body string, keys ...string) {
	t.Helper()
	rest := body
	for _, key := range keys {
		_, after, ok := strings.Cut(rest, `"`+key+`"`)
		if !ok {
			t.Fatalf("no %s in %s, which is the rest of %s", key, rest, body)
		}
		rest = after
	}
}

// sendOnce posts a chat request that cannot be sent twice.
func sendOnce(ctx context.Context, srv *llmtest.Server, body io.Reader) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+chatPath, body)
	if err != nil {
		return answer{err: err}
	}
	req.GetBody = nil
	res, err := srv.Client().Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, body: string(b), bodyErr: err}
}

// says reports whether err is not nil and contains the words.
func says(err error, words string) bool {
	return err != nil && strings.Contains(err.Error(), words)
}

func checkHeaders(t *testing.T, h http.Header, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if got := h.Get(key); got != value {
			t.Errorf("%s: %q, want %q", key, got, value)
		}
	}
}
