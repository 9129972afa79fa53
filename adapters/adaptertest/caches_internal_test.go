package adaptertest

import "testing"

func TestTakenOut(t *testing.T) {
	const (
		native = `{"systemInstruction":{"parts":[{"text":"be"}]},"tools":[],"toolConfig":{},"contents":[1,2,3],"generationConfig":{"seed":1.0}}`
		chat   = `{"model":"m","messages":[1,2,3]}`
	)
	for _, test := range []struct {
		sent, original string
		turns          int
		same           bool
	}{
		{`{"cachedContent":"c","contents":[3],"generationConfig":{"seed":1.0}}`, native, 2, true},
		{`{"cachedContent":"d","contents":[3],"generationConfig":{"seed":1.0}}`, native, 2, false},
		{`{"cachedContent":"c","contents":[2,3],"generationConfig":{"seed":1.0}}`, native, 2, false},
		{`{"cachedContent":"c","contents":[3]}`, native, 2, false},
		{`{"cachedContent":"c","contents":[3],"generationConfig":{"seed":1}}`, native, 2, false},
		{`{"cachedContent":"c","contents":[3],"tools":[],"generationConfig":{"seed":1.0}}`, native, 2, false},
		{`{"cachedContent":"c","contents":[]}`, native, 3, false},
		{native, native, 0, false},
		{`{"model":"m","messages":[3],"extra_body":{"google":{"cached_content":"c"}}}`, chat, 2, true},
		{`{"model":"m","messages":[3],"cachedContent":"c"}`, chat, 2, false},
		{`x`, chat, 2, false},
	} {
		if err := takenOut([]byte(test.sent), []byte(test.original), "c", test.turns); (err == nil) != test.same {
			t.Errorf("%s: %v", test.sent, err)
		}
	}
}

func TestOnlyMarked(t *testing.T) {
	const original = `{"model":"m","input":"a","messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b"},{"type":"image"}]}]}`
	for sent, same := range map[string]bool{
		original: true,
		`{"model":"m","prompt_cache_key":"k","prompt_cache_options":{"mode":"explicit"},"input":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{}}],"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{}}]},{"role":"user","content":[{"type":"text","text":"b"},{"type":"image"}]}]}`: true,
		`{"model":"m","input":"a","messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"image"},{"type":"text","text":"b"}]}]}`:                                                                                                                                                                           false,
		`{"model":"m","input":"a","messages":[{"role":"user","content":"a"}]}`:                                                                         false,
		`{"model":"m","input":"b","messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b"},{"type":"image"}]}]}`: false,
	} {
		if err := onlyMarked([]byte(sent), []byte(original)); (err == nil) != same {
			t.Errorf("%s: %v", sent, err)
		}
	}
}
