package transporttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// The calls of the items, as SDKs make them, and the responses.
const (
	host     = "https://api.openai.com"
	chatPath = "/v1/chat/completions"

	chatBody = `{"model":"gpt-5-mini","messages":[{"role":"user","content":"Who saves?"}]}`

	// streamBody asks for the stream's usage, and plainBody does not. A RoundTripper may add that to plainBody.
	streamBody = `{"model":"gpt-5-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Who saves?"}]}`
	plainBody  = `{"model":"gpt-5-mini","stream":true,"messages":[{"role":"user","content":"Who saves?"}]}`

	chatResponse = `{"id":"chatcmpl-7","object":"chat.completion","created":946684800,"model":"gpt-5-mini-2025-08-07",` +
		`"choices":[{"index":0,"message":{"role":"assistant","content":"The thrifty."},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16,` +
		`"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default"}`

	rateLimited   = `{"error":{"message":"Rate limit reached for gpt-5-mini. Please try again in 1s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`
	serverFailure = `{"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}`
)

// longChat returns the body of a chat, of about size bytes.
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

// transcript returns a whole stream, with or without the usage.
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

// event returns a server-sent event.
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

// A member is a member of a JSON object, with the bytes of its value.
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
		return nil, err // no closing brace
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("there is more than a JSON object")
	}
	return found, nil
}

// sent says how the body that arrived differs from the one that was sent, apart from added members. It returns "" if it
// does not. A body that is not a JSON object must not differ at all.
func sent(want, got []byte) string {
	if bytes.Equal(want, got) {
		return ""
	}
	before, err := members(want)
	if err != nil {
		return fmt.Sprintf("the body is not a JSON object and must not be changed: sent %s, arrived %s", short(want), short(got))
	}
	after, err := members(got)
	if err != nil {
		return fmt.Sprintf("what arrived is not a JSON object (%v): %s", err, short(got))
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
		return fmt.Sprintf("member %q is missing: sent %s, arrived %s", rest[0].key, short(want), short(got))
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

// request returns a request. Its body has a type that net/http knows, so it has a GetBody.
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

// send makes the call, reads the response to its end and closes it.
func (c *check) send(rt http.RoundTripper, req *http.Request) (*http.Response, []byte, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil || resp == nil {
		return nil, nil, err // A03 checks this
	}
	if resp.Body == nil {
		return resp, nil, nil
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, data, err
}

// must is send for a call that must succeed.
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

// responseOf returns the header and body of a provider's response with the status.
func responseOf(status int) (http.Header, string) {
	header := http.Header{"Content-Type": {"application/json"}}
	switch {
	case status == http.StatusTooManyRequests:
		header.Set("Retry-After", "1")
		return header, rateLimited
	case status >= 400:
		return header, serverFailure
	case status == http.StatusNoContent || status == http.StatusNotModified:
		return http.Header{}, ""
	case status >= 300:
		header.Set("Location", chatPath+"/elsewhere")
		return header, ""
	}
	return header, chatResponse
}

// bodyAgain returns the bytes of the body from GetBody. They are those of want if GetBody refuses to return a body once more,
// because one was read: transport.ErrReplay.
func (c *check) bodyAgain(n int, req *http.Request, want []byte) []byte {
	body, err := req.GetBody()
	if errors.Is(err, transport.ErrReplay) {
		return want
	}
	if err != nil {
		c.errorf("attempt %d: GetBody: %v", n+1, err)
		return nil
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	switch {
	case errors.Is(err, transport.ErrReplay):
		return want
	case err != nil:
		c.errorf("attempt %d: GetBody: %v", n+1, err)
	}
	return data
}
