package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// A request is what a line asks for.
type request struct {
	id   string // of the line, for people: its custom_id, its key or its number
	line int
	to   *service
	path string
	body []byte

	provider, operation, model string // for rows

	sum uint64 // of path and body, by which a line is recognised that was changed between two runs
}

// A requestReader makes requests of lines.
type requestReader struct {
	set    *settings
	router *wire.Router
}

func newRequestReader(set *settings) (*requestReader, error) {
	router, err := wire.NewRouter(wire.RouterConfig{Provider: set.provider})
	if err != nil {
		return nil, fmt.Errorf("-provider: %w", err)
	}
	return &requestReader{set: set, router: router}, nil
}

// members are those of a JSON object.
type members map[string]json.RawMessage

// has reports whether any of the names is there.
func (m members) has(names ...string) bool {
	for _, name := range names {
		if _, ok := m[name]; ok {
			return true
		}
	}
	return false
}

// only returns an error if there is a member of another name.
func (m members) only(names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%q: unknown member; want only %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// text returns a member that has to be a text which is not empty.
func (m members) text(name string) (text string, err error) {
	switch raw, ok := m[name]; {
	case !ok:
		return "", fmt.Errorf("there is no %q", name)
	case json.Unmarshal(raw, &text) != nil || raw[0] != '"':
		return "", fmt.Errorf("%q: want a text in quotes", name)
	case text == "":
		return "", fmt.Errorf("%q: it is empty", name)
	}
	return text, nil
}

// object returns a member that has to be a JSON object.
func (m members) object(name string) ([]byte, error) {
	switch raw, ok := m[name]; {
	case !ok:
		return nil, fmt.Errorf("there is no %q", name)
	case raw[0] != '{':
		return nil, fmt.Errorf("%q: want a JSON object", name)
	default:
		return raw, nil
	}
}

// read returns the request of a line.
func (r *requestReader) read(l line) (request, error) {
	if l.err != nil {
		return request{}, l.err
	}
	text := bytes.TrimSpace(l.text)
	var m members
	if err := json.Unmarshal(text, &m); err != nil {
		return request{}, jsonError(text, err)
	}
	if m == nil {
		return request{}, errors.New("want a JSON object, not null")
	}
	req := request{line: l.number}
	var err error
	switch {
	case m.has("custom_id", "url", "method", "body") && !m.has("params"):
		err = r.readOpenAI(&req, m)
	case m.has("params"):
		err = r.readAnthropic(&req, m)
	case m.has("request", "key"):
		err = r.readGemini(&req, m)
	default:
		req.id = strconv.Itoa(l.number)
		err = r.readBare(&req, bytes.Clone(text), m)
	}
	if err != nil {
		return request{}, err
	}
	return req, r.finish(&req)
}

// jsonError says where a text is not the JSON that is wanted. It does not quote the text.
func jsonError(text []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("byte %d: it is not valid JSON: %w", syntax.Offset, err)
	}
	return fmt.Errorf("want a JSON object, not one that begins with %q", text[0])
}

// readOpenAI reads a line of OpenAI's batch API: {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}}.
func (r *requestReader) readOpenAI(req *request, m members) (err error) {
	if err := m.only("custom_id", "method", "url", "body"); err != nil {
		return err
	}
	if req.id, err = m.text("custom_id"); err != nil {
		return err
	}
	if m.has("method") {
		if method, err := m.text("method"); err != nil || method != "POST" {
			return fmt.Errorf(`"method": want "POST", not %s`, m["method"])
		}
	}
	if req.body, err = m.object("body"); err != nil {
		return err
	}
	if m.has("url") || r.set.endpoint == "" {
		if req.path, err = m.text("url"); err != nil {
			return err
		}
		if !strings.HasPrefix(req.path, "/") {
			return fmt.Errorf(`"url": %q: want a path such as /v1/chat/completions`, req.path)
		}
	}
	return nil
}

// readAnthropic reads a line of Anthropic's batch API: {"custom_id": "a", "params": {}}.
func (r *requestReader) readAnthropic(req *request, m members) (err error) {
	if err := m.only("custom_id", "params"); err != nil {
		return err
	}
	if req.id, err = m.text("custom_id"); err != nil {
		return err
	}
	if req.body, err = m.object("params"); err != nil {
		return err
	}
	req.path = "/v1/messages"
	return nil
}

// readGemini reads a line of Gemini's batch API: {"key": "a", "request": {}}. The model is not in it.
func (r *requestReader) readGemini(req *request, m members) (err error) {
	if err := m.only("key", "request"); err != nil {
		return err
	}
	if req.id, err = m.text("key"); err != nil {
		return err
	}
	if req.body, err = m.object("request"); err != nil {
		return err
	}
	return r.generate(req)
}

// generate sets the path of a request to Gemini's generateContent.
func (r *requestReader) generate(req *request) error {
	model := strings.TrimPrefix(r.set.model, "models/")
	if model == "" {
		return errors.New("it does not name a model: name one by -model")
	}
	req.path = "/v1beta/models/" + url.PathEscape(model) + ":generateContent"
	return nil
}

// readBare reads the body of a request. Its members say what it is.
func (r *requestReader) readBare(req *request, body []byte, m members) error {
	req.body = body
	switch {
	case r.set.endpoint != "":
	case m.has("contents"):
		return r.generate(req)
	case m.has("messages"):
		req.path = "/v1/chat/completions"
	case m.has("input"):
		req.path = "/v1/responses"
	default:
		return errors.New(`want a line of a batch API, such as {"custom_id": ..., "url": ..., "body": ...}, or a body with "messages", "input" or "contents"; or name the path of all lines by -endpoint`)
	}
	return nil
}

// finish completes a request, and returns an error if it is not one that has a single answer.
func (r *requestReader) finish(req *request) error {
	req.path = cmp.Or(req.path, r.set.endpoint)
	req.to = serviceFor(req.path)
	u, err := url.Parse(req.to.base(r.set) + req.path)
	if err != nil {
		return fmt.Errorf("the path %q: %w", req.path, err)
	}
	_, call, ok := r.router.Recognise("POST", u)
	if !ok || call.Shape == nil || call.Operation == wire.Unknown || call.Kind != wire.Billable {
		return fmt.Errorf("%s is no call that is answered at once, such as /v1/chat/completions", req.path)
	}
	var m members
	if err := json.Unmarshal(req.body, &m); err != nil {
		return err
	}
	switch {
	case call.Stream:
		return fmt.Errorf("%s answers with a stream: use generateContent, as the answer is written as a whole", req.path)
	case isOn(m["stream"]):
		return errors.New(`"stream": leave it out, as the answer is written as a whole`)
	case isOn(m["background"]):
		return errors.New(`"background": leave it out, as the answer would have to be fetched later`)
	}
	if !m.has("model") && !strings.Contains(req.path, "/models/") {
		if err := r.addModel(req, len(m) > 0); err != nil {
			return err
		}
	}
	req.provider, req.operation, req.model = call.Provider, call.Operation, call.Model
	if req.model == "" && json.Unmarshal(m["model"], &req.model) != nil {
		req.model = r.set.model
	}
	hash := sha256.New()
	hash.Write([]byte(req.path))
	hash.Write([]byte{0})
	hash.Write(req.body)
	req.sum = binary.BigEndian.Uint64(hash.Sum(nil))
	return nil
}

// addModel adds the model to a body that names none.
func (r *requestReader) addModel(req *request, others bool) error {
	if r.set.model == "" {
		return errors.New(`the body has no "model": add it, or name one for such lines by -model`)
	}
	name, err := json.Marshal(r.set.model)
	if err != nil {
		return err
	}
	separator := ""
	if others {
		separator = ","
	}
	req.body = slices.Concat([]byte(`{"model":`), name, []byte(separator), req.body[1:])
	return nil
}

// isOn reports whether a value is there that is neither false nor null.
func isOn(value json.RawMessage) bool {
	return value != nil && string(value) != "false" && string(value) != "null"
}
