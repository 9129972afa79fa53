package wire_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// editedFor returns a request as it is sent with what is wanted of a prompt cache.
func editedFor(t *testing.T, url, body string, foreign bool, asked wire.CacheAsked, want wire.PromptCache) (string, wire.Edits) {
	t.Helper()
	d, call, ok := recognise(t, http.MethodPost, url)
	if !ok {
		t.Fatal(url)
	}
	fields, err := transport.Find([]byte(body), call.RequestPaths)
	if err != nil {
		t.Fatal(err)
	}
	d.Request(&call, http.Header{}, fields)
	call.Foreign = foreign
	call.CacheAsked |= asked
	var e wire.Edits
	d.Edit(&call, fields, wire.Want{PromptCache: want}, &e)
	got, err := fields.Splice(e.Body...)
	if err != nil {
		t.Fatal(err)
	}
	return string(got), e
}

// writeTo is a place of a body: the text, which it has once.
func writeTo(body, text string, is wire.WriteSpot, ttl time.Duration) wire.WriteTo {
	at := strings.Index(body, text)
	return wire.WriteTo{At: transport.Range{From: at, To: at + len(text)}, Is: is, TTL: ttl}
}

func TestWritesAreAskedFor(t *testing.T) {
	const (
		block    = `{"type":"text","text":"a"}`
		input    = `{"type":"input_text","text":"a"}`
		explicit = `"prompt_cache_options":{"mode":"explicit"},`
		mark     = `"prompt_cache_breakpoint":{"mode":"explicit"}`
		long     = `"prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}`
		control  = `"cache_control":{"type":"ephemeral"}`
		hour     = `"cache_control":{"type":"ephemeral","ttl":"1h"}`
	)
	for name, test := range map[string]struct {
		url, body, text string
		is              wire.WriteSpot
		ttl             time.Duration
		want            string
		longest         time.Duration
	}{
		"a block of a chat": {chatURL, `{"model":"m","messages":[{"role":"user","content":[` + block + `]}]}`, block, wire.WriteBlock, 30 * time.Minute,
			`{` + explicit + `"model":"m","messages":[{"role":"user","content":[{` + mark + `,"type":"text","text":"a"}]}]}`, 30 * time.Minute},
		"a string of a chat": {chatURL, `{"messages":[{"content":"Hello","role":"user"}]}`, `"Hello"`, wire.WriteText, 12 * time.Hour,
			`{` + explicit + `"messages":[{"content":[{"type":"text","text":"Hello",` + long + `}],"role":"user"}]}`, 12 * time.Hour},
		"options that are null": {chatURL, `{"prompt_cache_options":null,"messages":[{"content":"Hello"}]}`, `"Hello"`, wire.WriteText, 0,
			`{"prompt_cache_options":{"mode":"explicit"},"messages":[{"content":[{"type":"text","text":"Hello",` + mark + `}]}]}`, 0},
		"a block of a response": {responsesURL, `{"input":[{"role":"user","content":[` + input + `]}]}`, input, wire.WriteBlock, 12 * time.Hour,
			`{` + explicit + `"input":[{"role":"user","content":[{` + long + `,"type":"input_text","text":"a"}]}]}`, 12 * time.Hour},
		"a string of a response": {responsesURL, `{"input":[{"role":"user","content":"Hello"}]}`, `"Hello"`, wire.WriteText, 0,
			`{` + explicit + `"input":[{"role":"user","content":[{"type":"input_text","text":"Hello",` + mark + `}]}]}`, 0},
		"the input of a response": {responsesURL, `{"input": "Hello" }`, `"Hello"`, wire.WriteInput, 0,
			`{` + explicit + `"input": [{"role":"user","content":[{"type":"input_text","text":"Hello",` + mark + `}]}] }`, 0},
		"a block of a message": {anthropicURL, `{"messages":[{"role":"user","content":[` + block + `]}]}`, block, wire.WriteBlock, 0,
			`{"messages":[{"role":"user","content":[{` + control + `,"type":"text","text":"a"}]}]}`, 0},
		"a system instruction": {anthropicURL, `{"system":"Be brief."}`, `"Be brief."`, wire.WriteText, time.Hour,
			`{"system":[{"type":"text","text":"Be brief.",` + hour + `}]}`, time.Hour},
		"a tool": {anthropicURL, `{"tools":[{"name":"f"}]}`, `{"name":"f"}`, wire.WriteTool, 5 * time.Minute,
			`{"tools":[{` + control + `,"name":"f"}]}`, 5 * time.Minute},
	} {
		want := wire.PromptCache{Writes: []wire.WriteTo{writeTo(test.body, test.text, test.is, test.ttl)}}
		got, e := editedFor(t, test.url, test.body, false, 0, want)
		if got != test.want || !e.PromptCache || e.LeftOut != "" || e.WriteTTL != test.longest {
			t.Errorf("%s: got %s, %+v\nwant %s", name, got, e, test.want)
		}
	}
}

func TestSeveralWrites(t *testing.T) {
	const body = `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"system":"Be brief.","tools":[{"name":"f"}]}`
	got, e := editedFor(t, anthropicURL, body, false, 0, wire.PromptCache{Key: "no such thing", None: true, Writes: []wire.WriteTo{
		writeTo(body, `{"name":"f"}`, wire.WriteTool, time.Hour),
		writeTo(body, `"Be brief."`, wire.WriteText, time.Hour),
		writeTo(body, `{"type":"text","text":"a"}`, wire.WriteBlock, 5*time.Minute),
	}})
	const want = `{"messages":[{"role":"user","content":[{"cache_control":{"type":"ephemeral"},"type":"text","text":"a"}]}],` +
		`"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],` +
		`"tools":[{"cache_control":{"type":"ephemeral","ttl":"1h"},"name":"f"}]}`
	if got != want || e.WriteTTL != time.Hour || e.LeftOut != "" {
		t.Errorf("got %s, %+v", got, e)
	}
}

func TestNoWritesAndKey(t *testing.T) {
	for _, url := range []string{chatURL, responsesURL} {
		for _, test := range []struct {
			body  string
			want  wire.PromptCache
			after string
		}{
			{`{"model":"m"}`, wire.PromptCache{None: true}, `{"prompt_cache_options":{"mode":"explicit"},"model":"m"}`},
			{`{"model":"m"}`, wire.PromptCache{Key: "k\"1"}, `{"prompt_cache_key":"k\"1","model":"m"}`},
			{`{"model":"m"}`, wire.PromptCache{None: true, Key: "k"}, `{"prompt_cache_key":"k","prompt_cache_options":{"mode":"explicit"},"model":"m"}`},
			{`{"prompt_cache_key":"own"}`, wire.PromptCache{None: true, Key: "k"}, `{"prompt_cache_options":{"mode":"explicit"},"prompt_cache_key":"own"}`},
			{`{"prompt_cache_options":{"ttl":"12h"}}`, wire.PromptCache{Key: "k"}, `{"prompt_cache_key":"k","prompt_cache_options":{"ttl":"12h"}}`},
			{`{"prompt_cache_key":null}`, wire.PromptCache{Key: "k"}, `{"prompt_cache_key":"k"}`},
		} {
			got, e := editedFor(t, url, test.body, false, 0, test.want)
			if got != test.after || !e.PromptCache || e.LeftOut != "" {
				t.Errorf("%s: got %s, %+v; want %s", test.body, got, e, test.after)
			}
		}
	}
	if got, e := editedFor(t, anthropicURL, `{"model":"m"}`, false, 0, wire.PromptCache{None: true, Key: "k"}); got != `{"model":"m"}` || e.PromptCache || e.LeftOut != "" {
		t.Errorf("Anthropic writes nothing unasked: %s, %+v", got, e)
	}
}

// What the caller wrote about the cache stays as it is, and what is left out is said.
func TestWritesAreLeftOut(t *testing.T) {
	const chat, message = `{"model":"m","messages":[{"content":"Hello"}]`, `{"model":"m","system":"Be brief."`
	const azureURL = "https://x.openai.azure.com/openai/v1/chat/completions"
	text := func(body string, ttl time.Duration) wire.WriteTo {
		return writeTo(body, `"Hello"`, wire.WriteText, ttl)
	}
	ok := text(chat, 0)
	brief := writeTo(message, `"Be brief."`, wire.WriteText, 0)
	hour := brief
	hour.TTL = time.Hour
	for name, test := range map[string]struct {
		url, body string
		foreign   bool
		asked     wire.CacheAsked
		writes    []wire.WriteTo // nil is none at all
		why       string
	}{
		"options":              {chatURL, chat + `,"prompt_cache_options":{"mode":"implicit"}}`, false, 0, []wire.WriteTo{ok}, "own settings"},
		"options, empty":       {chatURL, chat + `,"prompt_cache_options":{}}`, false, 0, nil, "own settings"},
		"options, no object":   {chatURL, chat + `,"prompt_cache_options":"x"}`, false, 0, nil, "own settings"},
		"options, long":        {chatURL, chat + `,"prompt_cache_options":{"x":"` + strings.Repeat("x", 10000) + `"}}`, false, 0, nil, "own settings"},
		"options, response":    {responsesURL, `{"prompt_cache_options":{"ttl":"30m"}}`, false, 0, nil, "own settings"},
		"retention":            {chatURL, chat + `,"prompt_cache_retention":"24h"}`, false, 0, nil, "prompt_cache_retention"},
		"breakpoints":          {chatURL, chat + `}`, false, wire.AsksBlocks, nil, "own breakpoints"},
		"breakpoints, message": {anthropicURL, message + `}`, false, wire.AsksBlocks, []wire.WriteTo{brief}, "own breakpoints"},
		"automatic":            {anthropicURL, message + `,"cache_control":{"type":"ephemeral"}}`, false, 0, []wire.WriteTo{brief}, "own settings"},
		"a gateway":            {chatURL, chat + `}`, true, 0, []wire.WriteTo{ok}, "the provider's own"},
		"a gateway, message":   {anthropicURL, message + `}`, true, 0, []wire.WriteTo{brief}, "the provider's own"},
		"another provider":     {azureURL, chat + `}`, false, 0, []wire.WriteTo{ok}, "azure chat has no such settings"},
		"five places":          {chatURL, chat + `}`, false, 0, []wire.WriteTo{ok, ok, ok, ok, ok}, "at most 4"},
		"another time":         {chatURL, chat + `}`, false, 0, []wire.WriteTo{text(chat, time.Hour)}, "time to live of 1h"},
		"another time, 2":      {anthropicURL, message + `}`, false, 0, []wire.WriteTo{{At: brief.At, Is: wire.WriteText, TTL: -1}}, "time to live of -1ns"},
		"a tool":               {chatURL, chat + `}`, false, 0, []wire.WriteTo{{At: ok.At, Is: wire.WriteTool}}, "up to a tool"},
		"an input":             {chatURL, chat + `}`, false, 0, []wire.WriteTo{{At: ok.At, Is: wire.WriteInput}}, "that of a response"},
		"an unknown place":     {chatURL, chat + `}`, false, 0, []wire.WriteTo{{At: ok.At, Is: 9}}, "unknown kind"},
		"no place":             {chatURL, chat + `}`, false, 0, []wire.WriteTo{{}}, "none in the body"},
		"an empty block":       {chatURL, chat + `}`, false, 0, []wire.WriteTo{{At: transport.Range{From: 9, To: 11}}}, "none in the body"},
		"twice":                {chatURL, chat + `}`, false, 0, []wire.WriteTo{ok, ok}, "the same place twice"},
		"longer behind":        {anthropicURL, message + `}`, false, 0, []wire.WriteTo{brief, hour}, "behind a shorter one"},
	} {
		want := wire.PromptCache{Writes: test.writes, None: test.writes == nil}
		got, e := editedFor(t, test.url, test.body, test.foreign, test.asked, want)
		if got != test.body || e.PromptCache || !strings.HasPrefix(e.LeftOut, "prompt cache: ") || !strings.Contains(e.LeftOut, test.why) {
			t.Errorf("%s: got %s, %+v; want %q", name, got, e, test.why)
		}
	}
}

func TestCacheAsked(t *testing.T) {
	for _, test := range []struct {
		url, body string
		want      wire.CacheAsked
		ttl       string
	}{
		{chatURL, `{}`, 0, ""},
		{chatURL, `{"prompt_cache_options":{"mode":"explicit","ttl":"12h"},"prompt_cache_key":"k"}`, wire.AsksOptions | wire.AsksKey, "12h"},
		{responsesURL, `{"prompt_cache_options":{"ttl":null},"prompt_cache_retention":"24h"}`, wire.AsksOptions | wire.AsksRetention, ""},
		{responsesURL, `{"prompt_cache_options":null,"prompt_cache_key":null}`, 0, ""},
		{anthropicURL, `{"cache_control":{"type":"ephemeral"}}`, wire.AsksOptions, ""},
		{anthropicURL, `{"cache_control":null,"prompt_cache_key":"k"}`, 0, ""},
	} {
		d, call, _ := recognise(t, http.MethodPost, test.url)
		fields, err := transport.Find([]byte(test.body), call.RequestPaths)
		if err != nil {
			t.Fatal(err)
		}
		d.Request(&call, http.Header{}, fields)
		if call.CacheAsked != test.want || call.TTL() != test.ttl {
			t.Errorf("%s: %b, %q", test.body, call.CacheAsked, call.TTL())
		}
	}
}

// A refusal of our writes is recognised, whatever its shape is.
func TestReadRejectionOfWrites(t *testing.T) {
	for name, test := range map[string]struct {
		status    int
		url, body string
		edits     wire.Edits
		want      string
	}{
		"OpenAI":     {400, chatURL, `{"error":{"message":"Unknown parameter: 'prompt_cache_options'.","type":"invalid_request_error","param":"prompt_cache_options","code":"unknown_parameter"}}`, wire.Edits{PromptCache: true}, "rejected write_refused"},
		"in a block": {400, responsesURL, `{"error":{"message":"Unsupported parameter: 'input[0].content[0].prompt_cache_breakpoint' is not supported with this model.","param":"input[0].content[0]"}}`, wire.Edits{PromptCache: true}, "rejected write_refused"},
		"Anthropic":  {400, anthropicURL, `{"type":"error","error":{"type":"invalid_request_error","message":"messages.0.content.0.cache_control: Extra inputs are not permitted"}}`, wire.Edits{PromptCache: true}, "rejected write_refused"},
		"FastAPI":    {422, gatewayURL, `{"detail":[{"loc":["body","prompt_cache_key"],"msg":"extra fields not permitted"}]}`, wire.Edits{PromptCache: true}, "rejected write_refused"},
		"camel case": {500, gatewayURL, `{"error":"unknown field promptCacheOptions"}`, wire.Edits{PromptCache: true}, "ambiguous write_refused"},
		"a text":     {400, gatewayURL, `prompt cache breakpoint: not allowed`, wire.Edits{PromptCache: true}, "rejected write_refused"},
		"the caller": {400, chatURL, `{"error":{"message":"Unknown parameter: 'prompt_cache_options'."}}`, wire.Edits{HideUsage: true}, "rejected bad_request"},
		"too fast":   {429, chatURL, `{"error":{"message":"prompt_cache_options"}}`, wire.Edits{PromptCache: true}, "rejected rate"},
		"another":    {400, chatURL, `{"error":{"message":"Unknown parameter: 'x'."}}`, wire.Edits{PromptCache: true}, "rejected bad_request"},
		"both":       {400, chatURL, `{"error":{"message":"stream_options and prompt_cache_key"}}`, wire.Edits{PromptCache: true, HideUsage: true}, "rejected usage_refused"},
	} {
		if got := readRejectionOf(t, test.url, test.status, nil, test.body, "", &test.edits); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Where an answer does not say for how long it wrote to a cache, it is for as long as we asked.
func TestWriteTTLOfOurs(t *testing.T) {
	for _, test := range []struct {
		url, doc string
		ttl      time.Duration
		want     price.Usage
	}{
		{chatURL, `{"usage":{"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,"prompt_tokens_details":{"cache_write_tokens":60}}}`, 12 * time.Hour, price.Usage{Input: 40, CacheWrite12h: 60, Output: 1}},
		{chatURL, `{"usage":{"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,"prompt_tokens_details":{"cache_write_tokens":60}}}`, 30 * time.Minute, price.Usage{Input: 40, CacheWrite: 60, Output: 1}},
		{chatURL, `{"usage":{"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,"prompt_tokens_details":{"cache_write_tokens":60,"cache_write_tokens_details":{"ttl_30m_tokens":60,"ttl_12h_tokens":0}}}}`, 12 * time.Hour, price.Usage{Input: 40, CacheWrite: 60, Output: 1}},
		{responsesURL, `{"status":"completed","usage":{"input_tokens":100,"output_tokens":1,"total_tokens":101,"input_tokens_details":{"cache_write_tokens":60,"cache_write_tokens_details":{"ttl_30m_tokens":20,"ttl_12h_tokens":40}}}}`, 0, price.Usage{Input: 40, CacheWrite: 20, CacheWrite12h: 40, Output: 1}},
		{anthropicURL, `{"id":"m","usage":{"input_tokens":40,"output_tokens":1,"cache_creation_input_tokens":60}}`, time.Hour, price.Usage{Input: 40, CacheWrite1h: 60, Output: 1}},
		{anthropicURL, `{"id":"m","usage":{"input_tokens":40,"output_tokens":1,"cache_creation_input_tokens":60,"cache_creation":{"ephemeral_5m_input_tokens":60,"ephemeral_1h_input_tokens":0}}}`, time.Hour, price.Usage{Input: 40, CacheWrite: 60, Output: 1}},
		{anthropicURL, `{"id":"m","usage":{"input_tokens":40,"output_tokens":1,"cache_creation_input_tokens":60}}`, 0, price.Usage{Input: 40, CacheWrite: 60, Output: 1}},
	} {
		d, call, _ := recognise(t, http.MethodPost, test.url)
		fields, err := transport.Find([]byte(test.doc), call.AnswerPaths)
		if err != nil {
			t.Fatal(err)
		}
		a := wire.Answer{WriteTTL: test.ttl}
		d.Answer(&call, fields, &a)
		if a.Usage != test.want || a.Problem != "" {
			t.Errorf("%s: %+v, %s", test.doc, a.Usage, a.Problem)
		}
	}
}

// A block that is made of a string has its text, and the rest stays as it was.
func FuzzWriteText(f *testing.F) {
	f.Add("Hello", "Why?", byte(0))
	f.Add("\"}]\\", "", byte(1))
	f.Fuzz(func(t *testing.T, text, after string, which byte) {
		text, after = strings.ToValidUTF8(text, ""), strings.ToValidUTF8(after, "") // json.Marshal writes what is not valid as an escape
		quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
		url := [...]string{chatURL, responsesURL, anthropicURL}[which%3]
		list := [...]string{"messages", "input", "messages"}[which%3]
		first := quote(text)
		before := `{"model":"m","` + list + `":[{"role":"user","content":`
		body := before + first + `},{"role":"user","content":` + quote(after) + `}]}`
		at := transport.Range{From: len(before), To: len(before) + len(first)}
		got, e := editedFor(t, url, body, false, 0, wire.PromptCache{Writes: []wire.WriteTo{{At: at, Is: wire.WriteText}}})
		if e.LeftOut != "" {
			t.Fatal(e.LeftOut)
		}
		type turn struct {
			Role    string
			Content json.RawMessage
		}
		var sent struct{ Messages, Input []turn }
		if err := json.Unmarshal([]byte(got), &sent); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		turns := append(sent.Messages, sent.Input...)
		var blocks []struct{ Text string }
		if err := json.Unmarshal(turns[0].Content, &blocks); err != nil || len(blocks) != 1 || quote(blocks[0].Text) != first {
			t.Fatalf("%s: %v, of %q", got, err, text)
		}
		if len(turns) != 2 || string(turns[1].Content) != quote(after) {
			t.Fatalf("%s, of %q", got, after)
		}
	})
}

func ExampleWriteTo() {
	const doc = `{"model":"gpt-6.2-sol","messages":[{"role":"system","content":"A long text."},{"role":"user","content":"Why?"}]}`
	dialect, call, _ := new(wire.Router).Recognise(http.MethodPost, &url.URL{Scheme: "https", Host: "api.openai.com", Path: "/v1/chat/completions"})
	body, err := transport.Find([]byte(doc), call.RequestPaths)
	if err != nil {
		fmt.Println(err)
		return
	}
	dialect.Request(&call, nil, body)

	at := strings.Index(doc, `"A long text."`)
	writes := []wire.WriteTo{{At: transport.Range{From: at, To: at + len(`"A long text."`)}, Is: wire.WriteText}}
	var edits wire.Edits
	dialect.Edit(&call, body, wire.Want{PromptCache: wire.PromptCache{Writes: writes}}, &edits)
	edited, err := body.Splice(edits.Body...)
	fmt.Println(string(edited), err)
	// Output:
	// {"prompt_cache_options":{"mode":"explicit"},"model":"gpt-6.2-sol","messages":[{"role":"system","content":[{"type":"text","text":"A long text.","prompt_cache_breakpoint":{"mode":"explicit"}}]},{"role":"user","content":"Why?"}]} <nil>
}
