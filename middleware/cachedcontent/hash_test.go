package cachedcontent_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func hashOf(t *testing.T, c cachedcontent.Content) cachedcontent.Hash {
	t.Helper()
	h, err := gemini(t, nil).Hash(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What is in the content counts, how it is written and held does not.
func TestHash(t *testing.T) {
	full := func() cachedcontent.Content {
		return cachedcontent.Content{
			Model: flash, TTL: time.Minute,
			System:     []cachedcontent.Part{cachedcontent.Text("one"), cachedcontent.Text("two")},
			Tools:      json.RawMessage(`[{"functionDeclarations":[{"name":"f","parameters":{"a":1,"b":2}},{"name":"g"}]}]`),
			ToolConfig: cachedcontent.ToolMode("AUTO"),
			Turns:      []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text("three")), cachedcontent.Model(cachedcontent.Text("four"))},
		}
	}
	want := hashOf(t, full())
	same := map[string]func(*cachedcontent.Content){
		"model":        func(c *cachedcontent.Content) { c.Model = "models/gemini-2.5-pro" },
		"display name": func(c *cachedcontent.Content) { c.DisplayName = "x" },
		"ttl":          func(c *cachedcontent.Content) { c.TTL = time.Hour },
		"role":         func(c *cachedcontent.Content) { c.Turns[0].Role = "" },
		"order and layout": func(c *cachedcontent.Content) {
			c.Tools = json.RawMessage("[ {\"functionDeclarations\":[{\"parameters\":{\"b\":2,\n\"a\":1},\"name\":\"\\u0066\"},{\"name\":\"g\"}]}]")
		},
		"raw": func(c *cachedcontent.Content) {
			c.Turns[0].Parts[0] = cachedcontent.Part{Raw: json.RawMessage(`{ "text" : "thr\u0065e" }`)}
		},
	}
	for name, change := range same {
		c := full()
		change(&c)
		if hashOf(t, c) != want {
			t.Errorf("%s: another hash", name)
		}
	}
	seen := map[cachedcontent.Hash]string{want: "full"}
	for name, change := range map[string]func(*cachedcontent.Content){
		"a text":             func(c *cachedcontent.Content) { c.Turns[1].Parts[0].Text = "Four" },
		"another role":       func(c *cachedcontent.Content) { c.Turns[1].Role = "user" },
		"two parts in one":   func(c *cachedcontent.Content) { c.System = []cachedcontent.Part{cachedcontent.Text("onetwo")} },
		"no system":          func(c *cachedcontent.Content) { c.System = nil },
		"no turns":           func(c *cachedcontent.Content) { c.Turns = nil },
		"one turn":           func(c *cachedcontent.Content) { c.Turns = c.Turns[:1] },
		"the order of turns": func(c *cachedcontent.Content) { c.Turns[0], c.Turns[1] = c.Turns[1], c.Turns[0] },
		"no tools":           func(c *cachedcontent.Content) { c.Tools = nil },
		"another mode":       func(c *cachedcontent.Content) { c.ToolConfig = cachedcontent.ToolMode("ANY") },
		"no mode":            func(c *cachedcontent.Content) { c.ToolConfig = nil },
		"the order of tools": func(c *cachedcontent.Content) {
			c.Tools = json.RawMessage(`[{"functionDeclarations":[{"name":"g"},{"name":"f","parameters":{"a":1,"b":2}}]}]`)
		},
		"text as data": func(c *cachedcontent.Content) {
			c.Turns[0].Parts[0] = cachedcontent.Data("text/plain", []byte("three"))
		},
		"data of other bytes": func(c *cachedcontent.Content) {
			c.Turns[0].Parts[0] = cachedcontent.Data("text/plain", []byte("threE"))
		},
		"data of other type": func(c *cachedcontent.Content) { c.Turns[0].Parts[0] = cachedcontent.Data("text/html", []byte("three")) },
		"a file":             func(c *cachedcontent.Content) { c.Turns[0].Parts[0] = cachedcontent.FileURI("", "gs://a/b") },
	} {
		c := full()
		change(&c)
		h := hashOf(t, c)
		if other, ok := seen[h]; ok {
			t.Errorf("%s: the same hash as %s", name, other)
		}
		seen[h] = name
	}
	if len(want.String()) != 64 {
		t.Errorf("String is %q", want)
	}
}

// The elements of a content are those that a request begins with, as an SDK writes it.
func TestElementsMatchRequests(t *testing.T) {
	c := content()
	c.System = []cachedcontent.Part{cachedcontent.Text("You answer questions.")}
	elements, err := gemini(t, nil).Elements(c)
	if err != nil {
		t.Fatal(err)
	}
	request := fmt.Sprintf(`{"contents": [{"parts": [{"text": %q}], "role": "user"}, {"role":"model","parts":[{"text":"Yes."}]},`+
		`{"role":"user","parts":[{"text":"Why?"}]}], "system_instruction": {"role":"system","parts":[{"text":"You answer\u0020questions."}]},`+
		`"generationConfig": {"temperature": 0}}`, book)
	u, err := url.Parse("https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/" + flash + ":generateContent")
	if err != nil {
		t.Fatal(err)
	}
	_, call, ok := new(wire.Router).Recognise(http.MethodPost, u)
	if !ok || call.Prefix == nil {
		t.Fatal("it is not recognised")
	}
	r := wire.NewPrefixReader(call.Prefix)
	defer r.Release()
	if _, err := r.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	prefix := r.Prefix()
	if prefix.Problem != "" || len(prefix.Elements) != len(elements)+2 {
		t.Fatalf("the request has %d elements, the content %d; %s", len(prefix.Elements), len(elements), prefix.Problem)
	}
	if cachedcontent.HashOf(prefix.Elements[:len(elements)]) != cachedcontent.HashOf(elements) {
		t.Error("the request does not begin with the content")
	}
}

// A conversation too long to be read is an error, and no wrong hash.
func TestHashTooLong(t *testing.T) {
	c := content()
	for range 5000 {
		c.Turns = append(c.Turns, cachedcontent.User(cachedcontent.Text("x")))
	}
	if h, err := gemini(t, nil).Hash(c); err == nil {
		t.Errorf("got %v", h)
	}
}
