package tokens

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
)

func estimateOf(t testing.TB, s *policy.Subject, pieces ...string) Estimate {
	t.Helper()
	c := Heuristic{}.Counter()
	defer c.Release()
	for _, p := range pieces {
		if n, err := c.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("Write of %d bytes returned %d, %v", len(p), n, err)
		}
	}
	return c.Estimate(s)
}

var (
	openaiChat    = &policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}
	openaiReply   = &policy.Subject{Provider: "openai", Operation: "responses", Model: "gpt-5"}
	claude        = &policy.Subject{Provider: "anthropic", Operation: "messages", Model: "claude-haiku-4-5"}
	gemini        = &policy.Subject{Provider: "gemini", Operation: "generate", Model: "gemini-2.5-flash"}
	embeddings    = &policy.Subject{Provider: "openai", Operation: "embeddings", Model: "text-embedding-3-small"}
	transcription = &policy.Subject{Provider: "openai", Operation: "transcription", Model: "gpt-4o-transcribe"}
)

var pixels = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg" + strings.Repeat("A", 4000)

func TestEstimate(t *testing.T) {
	paris := Text("Where is Paris?")
	for _, test := range []struct {
		name    string
		subject *policy.Subject
		body    string
		want    Estimate
	}{
		{"chat", openaiChat, `{"model":"gpt-5","messages":[{"role":"user","content":"Where is Paris?"}],"temperature":0.5,"user":"someone-with-a-long-name"}`,
			Estimate{Text: paris + 3 + 4}},
		{"blocks", openaiChat, `{"messages":[{"role":"user","content":[{"type":"text","text":"Where is Paris?"}]}]}`, Estimate{Text: paris + 3 + 4}},
		{"spaces", openaiChat, "\n { \"messages\" : [ { \"role\" : \"user\" , \"content\" : \"Where is Paris?\" } ] } \n", Estimate{Text: paris + 3 + 4}},
		{"escapes", openaiChat, `{"messages":[{"role":"user","content":"\u0057here\u0020is Par\u0069s?"}]}`, Estimate{Text: paris + 3 + 4}},
		{"an input of the Responses API", openaiReply, `{"input":"Where is Paris?"}`, Estimate{Text: paris + 3 + 4}},
		{"Anthropic", claude, `{"max_tokens":1000,"messages":[{"role":"user","content":"Where is Paris?"}]}`, Estimate{Text: paris + 3 + 4}},
		{"Gemini", gemini, `{"contents":[{"role":"user","parts":[{"text":"Where is Paris?"}]}]}`, Estimate{Text: paris}},
		{"embeddings", embeddings, `{"model":"text-embedding-3-small","input":["Where is Paris?"]}`, Estimate{Text: paris}},
		{"token numbers", embeddings, `{"input":[[1,22,333],[4]]}`, Estimate{Text: 4}},
		{"nothing", openaiChat, ``, Estimate{}},
		{"an empty object", openaiChat, `{}`, Estimate{}},

		{"image as data URL", openaiChat, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + pixels + `"}}]}]}`,
			Estimate{Text: 7, Media: openaiRules.image}},
		{"escaped slashes", openaiChat, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image\/png;base64,` + pixels + `"}}]}]}`,
			Estimate{Text: 7, Media: openaiRules.image}},
		{"image at an address", openaiChat, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`,
			Estimate{Text: 7, Media: openaiRules.image}},
		{"image of the Responses API", openaiReply, `{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://example.com/a.png"}]}]}`,
			Estimate{Text: 7, Media: openaiRules.image}},
		{"image of Anthropic", claude, `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + pixels + `"}}]}]}`,
			Estimate{Text: 7, Media: anthropicRules.image}},
		{"image at an address, of Anthropic", claude, `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}]}`,
			Estimate{Text: 7, Media: anthropicRules.image}},
		{"image of Gemini", gemini, `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"` + pixels + `"}}]}]}`, Estimate{Media: googleRules.image}},
		{"image whose type comes last", gemini, `{"contents":[{"parts":[{"inline_data":{"data":"` + strings.Repeat("x", 4000) + `","mime_type":"image/heic"}}]}]}`,
			Estimate{Media: googleRules.image}},
		{"a page", gemini, `{"contents":[{"parts":[{"inlineData":{"data":"JVBERi0x` + pixels + `","mimeType":"application/pdf"}}]}]}`, Estimate{Media: googleRules.documentPages}},
		{"text in base64", gemini, `{"contents":[{"parts":[{"inlineData":{"mimeType":"text/plain","data":"` + strings.Repeat("YWJj", 1000) + `"}}]}]}`, Estimate{Text: 750}},
		{"ten seconds of audio", openaiChat, `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"` + strings.Repeat("q", 9*audioRate*4/3) + `","format":"mp3"}}]}]}`,
			Estimate{Text: 7, Media: openaiRules.audioSeconds}},
		{"audio of Gemini", gemini, `{"contents":[{"parts":[{"inlineData":{"mimeType":"audio/mp3","data":"` + strings.Repeat("q", 9*audioRate*4/3) + `"}}]}]}`,
			Estimate{Media: googleRules.audioSeconds}},
		{"a text as data", claude, `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"Where is Paris?"}}]}]}`,
			Estimate{Text: paris + 7}},
		{"a citation's address is no text", openaiChat, `{"messages":[{"role":"user","content":"Where is Paris?","notes":{"url":"https://example.com/"}}]}`, Estimate{Text: paris + 7}},
		{"a form", transcription, "--boundary\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + strings.Repeat("\x00", 9*audioRate), Estimate{Media: openaiRules.audioSeconds}},
	} {
		if got := estimateOf(t, test.subject, test.body); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// Media are priced by rule: a hundred times the bytes are no more tokens.
func TestMediaNotByBytes(t *testing.T) {
	const before, after = `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/jpeg","data":"/9j/`, `"}}]}]}`
	small := estimateOf(t, gemini, before+strings.Repeat("A", 1000)+after)
	if large := estimateOf(t, gemini, before+strings.Repeat("A", 100_000)+after); large != small {
		t.Errorf("%+v for a large image, %+v for a small one", large, small)
	}
}

func TestTools(t *testing.T) {
	const tool = `{"type":"function","function":{"name":"weather","description":"Gets the weather of a city.","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}`
	none := estimateOf(t, openaiChat, `{"messages":[{"role":"user","content":"Hi"}],"tools":[]}`)
	some := estimateOf(t, openaiChat, `{"messages":[{"role":"user","content":"Hi"}],"tools":[`+tool+`]}`)
	more := estimateOf(t, openaiChat, `{"messages":[{"role":"user","content":"Hi"}],"tools":[`+tool+`,`+tool+`]}`)
	if none.Text > 11 || some.Text < none.Text+30 || more.Text < some.Text+20 || more.Text >= 2*some.Text {
		t.Errorf("%d tokens without tools, %d with one, %d with two", none.Text, some.Text, more.Text)
	}
	spaced := new(bytes.Buffer)
	if err := json.Indent(spaced, []byte(`{"messages":[{"role":"user","content":"Hi"}],"tools":[`+tool+`]}`), "", "    "); err != nil {
		t.Fatal(err)
	}
	if got := estimateOf(t, openaiChat, spaced.String()); got != some {
		t.Errorf("%+v with white space, %+v without", got, some)
	}
}

// A compressed body counts a token for each byte.
func TestCompressed(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(`{"messages":[{"role":"user","content":"Where is Paris?"}]}`))
	z.Close()
	if got, want := estimateOf(t, openaiChat, b.String()), (Estimate{Text: int64(b.Len())}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A text has the same estimate whether its characters are escaped or not.
func TestEscapes(t *testing.T) {
	for _, d := range corpus(t) {
		plain, escaped := new(bytes.Buffer), new(strings.Builder)
		e := json.NewEncoder(plain)
		e.SetEscapeHTML(false)
		if err := e.Encode(map[string]any{"messages": []any{map[string]string{"role": "user", "content": d.Text}}}); err != nil {
			t.Fatal(err)
		}
		for _, r := range plain.String() {
			if r < 0x80 {
				escaped.WriteRune(r)
				continue
			}
			if r >= 0x10000 {
				r -= 0x10000
				escaped.WriteString(hexEscape(0xd800 + r>>10))
				r = 0xdc00 + r&0x3ff
			}
			escaped.WriteString(hexEscape(r))
		}
		want := Text(d.Text) + 7
		if got := estimateOf(t, openaiChat, plain.String()).Text; got != want {
			t.Errorf("%s: %d, want %d", d.Kind, got, want)
		}
		if got := estimateOf(t, openaiChat, escaped.String()).Text; got != want {
			t.Errorf("%s, escaped: %d, want %d", d.Kind, got, want)
		}
	}
}

func hexEscape(r rune) string {
	const digits = "0123456789abcdef"
	return `\u` + string([]byte{digits[r>>12], digits[r>>8&15], digits[r>>4&15], digits[r&15]})
}

func TestNesting(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 5000) + `"Where is Paris?"` + strings.Repeat(`]}`, 5000)
	if got := estimateOf(t, openaiChat, deep).Text; got < 3 || got > 30_000 {
		t.Errorf("%d tokens", got)
	}
	if got := estimateOf(t, openaiChat, strings.Repeat(`]}`, 5000)).Text; got < 0 {
		t.Errorf("%d tokens", got)
	}
}

func TestHeuristicAllocs(t *testing.T) {
	body := []byte(`{"messages":[{"role":"user","content":"Where is Paris?"}]}`)
	if n := testing.AllocsPerRun(200, func() {
		c := Heuristic{}.Counter()
		c.Write(body)
		c.Estimate(openaiChat)
		c.Release()
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

var fuzzSeeds = []string{
	`{"model":"gpt-5","messages":[{"role":"user","content":"Where is \"Paris\"? \u00e9\ud83d\ude00\n"}],"tools":[{"type":"function","function":{"name":"f"}}]}`,
	`{"contents":[{"parts":[{"inlineData":{"data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6","mimeType":"image/png"}}]}]}`,
	`{"source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQ="},"image_url":"data:image\/png;base64,AAAA","url":"https://example.com"}`,
	`{"input":[[1,2],"text"],"a":"\ud800","b":"\ud800x","c":"\ud800\n","d":"\udc00\u12`,
	"--boundary\r\nfile", "\x1f\x8b", "]}]}", `{"a":{"b":[{"c":`, "", `[[["` + "\x80\xe4\xf0",
}

func FuzzHeuristic(f *testing.F) {
	for i, s := range fuzzSeeds {
		f.Add([]byte(s), uint64(i))
	}
	vocabulary := &Vocabulary{Count: func(_, text string) (int64, bool) { return int64(len(text)), true }}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		for _, estimator := range []Estimator{Heuristic{}, vocabulary} {
			whole := estimator.Counter()
			whole.Write(body)
			want := whole.Estimate(gemini)
			whole.Release()
			if want.Text < 0 || want.Media < 0 || want.Held != 0 || want.Text > 10*int64(len(body))+10 {
				t.Fatalf("%+v for %d bytes", want, len(body))
			}
			pieces, random := estimator.Counter(), rand.New(rand.NewPCG(seed, 1))
			for rest := body; len(rest) > 0; {
				n := 1 + random.IntN(min(len(rest), 9))
				pieces.Write(rest[:n])
				rest = rest[n:]
			}
			if got := pieces.Estimate(gemini); got != want {
				t.Errorf("%T: %+v in pieces, %+v at once", estimator, got, want)
			}
			pieces.Release()
		}
	})
}
