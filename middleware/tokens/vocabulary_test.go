package tokens

import (
	"strings"
	"testing"
)

// words is a vocabulary of words, for one model.
func words(model, text string) (int64, bool) {
	return int64(len(strings.Fields(text))), model == "gpt-5"
}

func exactly(t testing.TB, v *Vocabulary, body string) Estimate {
	t.Helper()
	c := v.Counter()
	defer c.Release()
	if n, err := c.Write([]byte(body)); n != len(body) || err != nil {
		t.Fatalf("Write of %d bytes returned %d, %v", len(body), n, err)
	}
	return c.Estimate(openaiChat)
}

func TestVocabulary(t *testing.T) {
	v := &Vocabulary{Count: words}
	for _, test := range []struct {
		name, body string
		want       Estimate
	}{
		{"one text", `{"messages":[{"role":"user","content":"one two\u0020three\nfour"}]}`, Estimate{Text: 4 + 7}},
		{"two texts", `{"messages":[{"role":"system","content":"one"},{"role":"user","content":"two"}]}`, Estimate{Text: 2 + 11}},
		{"an empty text", `{"messages":[{"role":"user","content":""}]}`, Estimate{Text: 7}},
		{"an image", `{"messages":[{"role":"user","content":[{"type":"text","text":"one two"},{"type":"image_url","image_url":{"url":"data:image/png;base64,` + pixels + `"}}]}]}`,
			Estimate{Text: 2 + 7, Media: openaiRules.image}},
		{"a long text", `{"messages":[{"role":"user","content":"` + strings.Repeat("word ", 60_000) + `"}]}`, Estimate{Text: 60_000 + 7}},
	} {
		got := exactly(t, v, test.body)
		if test.name == "a long text" && got.Text >= 59_000 && got.Text <= 61_000 {
			continue // in proportion
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// Without a vocabulary for the model, estimates are those of the Heuristic.
func TestVocabularyUnknown(t *testing.T) {
	body := `{"messages":[{"role":"user","content":"one two three"}],"tools":[{"name":"f"}]}`
	want := estimateOf(t, openaiChat, body)
	for _, v := range []*Vocabulary{{}, {Count: func(string, string) (int64, bool) { return 0, false }}} {
		if got := exactly(t, v, body); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// A counter that is used again has nothing of the request before.
func TestVocabularyReused(t *testing.T) {
	v := &Vocabulary{Count: words}
	for range 5 {
		if got := exactly(t, v, `{"messages":[{"role":"user","content":"`+strings.Repeat("a b ", 20)+`"}]}`); got.Text != 47 {
			t.Errorf("%+v", got)
		}
		if got := exactly(t, v, `{"messages":[{"role":"user","content":"one"}]}`); got.Text != 8 {
			t.Errorf("%+v", got)
		}
	}
}
