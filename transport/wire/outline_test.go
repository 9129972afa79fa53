package wire

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

func TestNewOutline(t *testing.T) {
	for _, text := range []string{"", "a", "a b* c? d# e=x|y f{g h{i ...} ...} j{k}# l:typed m:typed{type=x n}", " a\n\tb ", "..."} {
		if _, err := NewOutline(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, why := range map[string]string{
		"a a":                       "a is listed twice",
		"a{b":                       "want }",
		"a}":                        "want a name",
		"}":                         "want a name",
		"a**":                       "want a name",
		"=x":                        "want a name",
		strings.Repeat("a{", 20):    "nests too deep",
		"messages{role} messages{}": "listed twice",
	} {
		if _, err := NewOutline(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

// compare compares a body with an outline, in pieces of these sizes.
func compare(t testing.TB, o *Outline, body string, size func() int) Extent {
	t.Helper()
	r := newOutlineReader(o)
	for rest := []byte(body); len(rest) > 0; {
		n := min(size(), len(rest))
		if wrote, err := r.Write(rest[:n]); wrote != n || err != nil {
			t.Fatal(wrote, err)
		}
		rest = rest[n:]
	}
	return r.extent
}

func TestOutlineCompare(t *testing.T) {
	outline := MustOutline(`text any* kind=x|y inner{a b{c ...} ...} closed{a deep{a}} refers? count# items{type=m id:typed a ...} list{a}#`)
	for body, want := range map[string]Extent{
		`{}`: {}, ` { "text" : "a" , "any":{"b":[{"c":{}}]} } `: {},
		`{"text":[1,2.5e3,"a",null,true,[["b"]]]}`: {},
		`{"text":{}}`:                                          {Unlisted: "text"},
		`{"other":1}`:                                          {Unlisted: "other"},
		`{"other":{"text":[{}]},"more":2}`:                     {Unlisted: "other"},
		`{"o ther":1}`:                                         {Unlisted: "(a member)"},
		`{"":1}`:                                               {Unlisted: "(a member)"},
		`{"sk-proj-SECRET123":1}`:                              {Unlisted: "(a member)"},
		`{"Merger-with-Acme:2026":1}`:                          {Unlisted: "(a member)"},
		`{"secret.txt":1}`:                                     {Unlisted: "(a member)"},
		`{"a1":1}`:                                             {Unlisted: "(a member)"},
		`{"h\u00e9":1}`:                                        {Unlisted: "(a member)"},
		`{"closed":{"sk-1":1}}`:                                {Unlisted: "closed.(a member)"},
		`{"inner":{"b":{"sk-1":1}}}`:                           {Unsized: "inner.b.(a member)"},
		`{"` + strings.Repeat("a", 32) + `":1}`:                {Unlisted: strings.Repeat("a", 32)},
		`{"` + strings.Repeat("a", 33) + `":1}`:                {Unlisted: "(a member)"},
		`{"newSetting_of_theirs":1}`:                           {Unlisted: "newSetting_of_theirs"},
		`{"` + strings.Repeat("a", 5000) + `":1}`:              {Unlisted: "(a member)"},
		`{"te\u0078t":{}}`:                                     {Unlisted: "text"},
		`{"kind":"x"}`:                                         {},
		`{"kind":"\u0078"}`:                                    {},
		`{"kind":["x","y",null]}`:                              {},
		`{"kind":"z"}`:                                         {Unlisted: "kind"},
		`{"kind":["x","z"]}`:                                   {Unlisted: "kind"},
		`{"kind":1}`:                                           {Unlisted: "kind"},
		`{"kind":{}}`:                                          {Unlisted: "kind"},
		`{"inner":{"a":1}}`:                                    {},
		`{"inner":[{"a":1},{"d":1}]}`:                          {Unsized: "inner.d"},
		`{"inner":{"b":{"c":1,"d":{"e":2}}}}`:                  {Unsized: "inner.b.d"},
		`{"inner":{"a":{}}}`:                                   {Unsized: "inner.a"},
		`{"closed":{"deep":{"b":1}}}`:                          {Unlisted: "closed.deep.b"},
		`{"closed":[[{"deep":[{"a":"}"}]}]],"x":1}`:            {Unlisted: "x"},
		`{"refers":"a"}`:                                       {Unsized: "refers"},
		`{"refers":{"a":1}}`:                                   {Unsized: "refers"},
		`{"refers":[1]}`:                                       {Unsized: "refers"},
		`{"refers":true}`:                                      {Unsized: "refers"},
		`{"refers":null}`:                                      {},
		`{"refers":false}`:                                     {},
		`{"count":"a"}`:                                        {},
		`{"count":["a","b","c"]}`:                              {Inputs: 3},
		`{"count":[]}`:                                         {},
		`{"count":[1,2]}`:                                      {Inputs: 2},
		`{"list":[{"a":"x"},{"a":"y"}]}`:                       {Inputs: 2},
		`{"items":[{"type":"m","id":"i"}]}`:                    {},
		`{"items":[{"id":"i","type":"m"}]}`:                    {},
		`{"items":[{"id":"i"}]}`:                               {Unsized: "items.id"},
		`{"items":[{"type":"m"},{"id":"i"}]}`:                  {Unsized: "items.id"},
		`{"items":[{"id":"i","type":null}]}`:                   {Unsized: "items.id"},
		`{"items":[{"type":"m","id":"i","type":null}]}`:        {Unsized: "items.id"},
		`{"items":[{"type":"n","id":"i"}]}`:                    {Unsized: "items.type"},
		`{"text":"\"},{\"other\":1","inner":{"a":"\\"},"z":1}`: {Unlisted: "z"},
		`{"any":"` + strings.Repeat(`\"`, 1000) + `","inner":{"d":[]}}`: {Unsized: "inner.d"},
	} {
		for _, size := range []int{1, 2, 3, 1 << 20} {
			if got := compare(t, outline, body, func() int { return size }); got != want {
				t.Errorf("%.200s by %d: %+v, want %+v", body, size, got, want)
			}
		}
	}
}

// A body that cannot be read is compared with nothing.
func TestOutlineCompareBody(t *testing.T) {
	for _, x := range []struct {
		body, encoding string
		ok             bool
	}{
		{body: `{"model":"m"}`, ok: true}, {body: `{"model":`}, {body: `[]`}, {body: ``}, {body: `{"model":"m"}`, encoding: "gzip"},
	} {
		req, err := http.NewRequest(http.MethodPost, "http://example.com", strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		if x.encoding != "" {
			req.Header.Set("Content-Encoding", x.encoding)
		}
		var body transport.Body
		if err := body.Load(req, transport.MustPaths("model")); err != nil {
			t.Fatal(err)
		}
		if _, ok := MustOutline("model").Compare(&body); ok != x.ok {
			t.Errorf("%q: %v", x.body, ok)
		}
		if _, ok := (*Outline)(nil).Compare(&body); ok {
			t.Errorf("%q: the nil outline lists something", x.body)
		}
	}
}

// What a request costs must not depend on how its body is read, and only the listed members are harmless.
func FuzzOutline(f *testing.F) {
	f.Add(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}`, uint64(1))
	f.Add(`{"messages":[{"content":[{"type":"image_url"}]}],"n":2}`, uint64(2))
	f.Add(`{"messages":{"content":{"type":["text",{"text":1}]}},"tools":[{}]}`, uint64(3))
	f.Fuzz(func(t *testing.T, body string, seed uint64) {
		var document map[string]any
		if json.Unmarshal([]byte(body), &document) != nil {
			return
		}
		random := rand.New(rand.NewPCG(seed, 1))
		whole := compare(t, chatHarmless, body, func() int { return len(body) })
		if pieces := compare(t, chatHarmless, body, func() int { return 1 + random.IntN(9) }); pieces != whole {
			t.Errorf("%q: %+v in pieces, %+v as a whole", body, pieces, whole)
		}
		for name := range document {
			if chatHarmless.members[name] == nil && whole.Unlisted == "" {
				t.Errorf("%q: %q is not listed, and not reported", body, name)
			}
		}
	})
}

// Harmless cannot replace what OpenAI's API has.
func TestHarmlessOfACompatible(t *testing.T) {
	for text, why := range map[string]string{"guided_json* top_z": "", "messages*": `"messages" is a member of OpenAI's API already`, "a{": `want }`} {
		_, err := NewRouter(RouterConfig{Dialects: []Dialect{&Compatible{Provider: "acme", Harmless: text}}})
		if (err != nil) != (why != "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What changes neither how much is generated nor what it costs is listed.
func TestHarmlessSettings(t *testing.T) {
	for body, outline := range map[string]*Outline{
		`{"reasoning_format":"hidden","include_reasoning":false}`:                                   chatHarmless,
		`{"generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW","audioTimestamp":true}}`:     generateHarmless,
		`{"generation_config":{"media_resolution":"MEDIA_RESOLUTION_LOW","audio_timestamp":false}}`: generateHarmless,
	} {
		if got := compare(t, outline, body, func() int { return 7 }); got != (Extent{}) {
			t.Errorf("%s: %+v", body, got)
		}
	}
}
