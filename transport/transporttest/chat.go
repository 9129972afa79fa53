package transporttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The calls of the items, as SDKs make them.
const (
	host     = "https://api.openai.com"
	chatPath = "/v1/chat/completions"

	chatBody = `{"model":"gpt-5-mini","messages":[{"role":"user","content":"Who saves?"}]}`

	// The first of these asks for the stream's usage, so that nobody on the way has a reason to; the second does not.
	streamBody = `{"model":"gpt-5-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Who saves?"}]}`
	plainBody  = `{"model":"gpt-5-mini","stream":true,"messages":[{"role":"user","content":"Who saves?"}]}`

	chatAnswer = `{"id":"chatcmpl-7","object":"chat.completion","created":946684800,"model":"gpt-5-mini-2025-08-07",` +
		`"choices":[{"index":0,"message":{"role":"assistant","content":"The thrifty."},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16,` +
		`"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default"}`

	limited = `{"error":{"message":"Rate limit reached for gpt-5-mini. Please try again in 1s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`
	broken  = `{"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}`
)

// longChat returns the body of a chat that is about size bytes long.
func longChat(size int) []byte {
	const line = "All work and no play makes Jack a dull boy. "
	return []byte(`{"model":"gpt-5-mini","messages":[{"role":"user","content":"` + strings.Repeat(line, size/len(line)) + `"}]}`)
}

// The events of a stream.
var (
	deltas = []string{
		`{"id":"chatcmpl-7","object":"chat.completion.chunk","created":946684800,"model":"gpt-5-mini-2025-08-07","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}`,
		`{"id":"chatcmpl-7","object":"chat.completion.chunk","created":946684800,"model":"gpt-5-mini-2025-08-07","service_tier":"default","choices":[{"index":0,"delta":{"content":"The "},"finish_reason":null}],"usage":null}`,
		`{"id":"chatcmpl-7","object":"chat.completion.chunk","created":946684800,"model":"gpt-5-mini-2025-08-07","service_tier":"default","choices":[{"index":0,"delta":{"content":"thrifty."},"finish_reason":null}],"usage":null}`,
		`{"id":"chatcmpl-7","object":"chat.completion.chunk","created":946684800,"model":"gpt-5-mini-2025-08-07","service_tier":"default","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}`,
	}
	usage = `{"id":"chatcmpl-7","object":"chat.completion.chunk","created":946684800,"model":"gpt-5-mini-2025-08-07","service_tier":"default","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16}}`
)

// transcript returns a whole stream, with or without the usage, whose lines end as given.
func transcript(withUsage bool, newline string) string {
	var b strings.Builder
	for _, d := range deltas {
		b.WriteString(event(d, newline))
	}
	if withUsage {
		b.WriteString(event(usage, newline))
	}
	b.WriteString(event("[DONE]", newline))
	return b.String()
}

func event(data, newline string) string { return "data: " + data + newline + newline }

// asksUsage reports whether a request's body asks for the stream's usage.
func asksUsage(body []byte) bool {
	var ask struct {
		Options struct {
			Usage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	return json.Unmarshal(body, &ask) == nil && ask.Options.Usage
}

// A member is one of a JSON object. Its value is as it stands there.
type member struct {
	key   string
	value []byte
}

// members returns the members of a JSON object in their order.
func members(doc []byte) (found []member, err error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		found = append(found, member{key.(string), value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err // no brace
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("there is more than a JSON object")
	}
	return found, nil
}

// sent says how the body that arrived differs from the one that was sent, but for members that were added to it; "" if
// it does not. A body that is no JSON object may not differ at all.
func sent(want, got []byte) string {
	if bytes.Equal(want, got) {
		return ""
	}
	before, err := members(want)
	if err != nil {
		return fmt.Sprintf("the body is no JSON object, and must be left as it is: sent %s, arrived %s", short(want), short(got))
	}
	after, err := members(got)
	if err != nil {
		return fmt.Sprintf("what arrived is no JSON object (%v): %s", err, short(got))
	}
	had := make(map[string]bool)
	for _, m := range before {
		had[m.key] = true
	}
	added := make(map[string]bool)
	rest := before
	for _, m := range after {
		switch {
		case !had[m.key] && added[m.key]:
			return fmt.Sprintf("%q has been added twice: %s", m.key, short(got))
		case !had[m.key]:
			added[m.key] = true
		case len(rest) == 0 || rest[0].key != m.key || !bytes.Equal(rest[0].value, m.value):
			return fmt.Sprintf("member %q has been changed, moved or doubled: sent %s, arrived %s", m.key, short(want), short(got))
		default:
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		return fmt.Sprintf("member %q is gone: sent %s, arrived %s", rest[0].key, short(want), short(got))
	}
	return ""
}

// short quotes the beginning of data.
func short(data []byte) string {
	if len(data) > 300 {
		return fmt.Sprintf("%q... (%d bytes)", data[:300], len(data))
	}
	return fmt.Sprintf("%q", data)
}

// request returns a request with a body of a kind that net/http knows, and so with GetBody.
func (c *check) request(method, url string, body []byte) *http.Request {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(c.ctx, method, url, r)
	if err != nil {
		c.fatalf("%v", err)
	}
	req.Header.Set("Authorization", "Bearer sk-none")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// chat returns a chat completion with the given body.
func (c *check) chat(body string) *http.Request {
	return c.request(http.MethodPost, host+chatPath, []byte(body))
}

// send makes the call, reads its answer to the end and closes it.
func (c *check) send(rt http.RoundTripper, req *http.Request) (*http.Response, []byte, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil || resp == nil {
		return nil, nil, err // what this is worth, A03 says
	}
	if resp.Body == nil {
		return resp, nil, nil
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, data, err
}

// must is send for a call that has to succeed.
func (c *check) must(rt http.RoundTripper, req *http.Request) (*http.Response, []byte) {
	resp, data, err := c.send(rt, req)
	if err != nil {
		c.fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	if resp == nil {
		c.fatalf("%s %s: neither a response nor an error", req.Method, req.URL)
	}
	return resp, data
}

// answerOf returns the header and body that go with a status.
func answerOf(status int) (http.Header, string) {
	header := http.Header{"Content-Type": {"application/json"}}
	switch {
	case status == http.StatusTooManyRequests:
		header.Set("Retry-After", "1")
		return header, limited
	case status >= 400:
		return header, broken
	case status == http.StatusNoContent || status == http.StatusNotModified:
		return http.Header{}, ""
	case status >= 300:
		header.Set("Location", chatPath+"/elsewhere")
		return header, ""
	}
	return header, chatAnswer
}

// again returns what GetBody gives.
func (c *check) again(n int, req *http.Request) []byte {
	body, err := req.GetBody()
	if err != nil {
		c.errorf("attempt %d: GetBody: %v", n+1, err)
		return nil
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		c.errorf("attempt %d: GetBody: %v", n+1, err)
	}
	return data
}
