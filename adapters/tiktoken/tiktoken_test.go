package tiktoken

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiktoken-go/tokenizer"

	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
)

var estimator = sync.OnceValues(New)

func estimate(t testing.TB, e tokens.Estimator, model, body string) tokens.Estimate {
	t.Helper()
	c := e.Counter()
	defer c.Release()
	if n, err := c.Write([]byte(body)); n != len(body) || err != nil {
		t.Fatalf("Write of %d bytes returned %d, %v", len(body), n, err)
	}
	return c.Estimate(&policy.Subject{Provider: "openai", Operation: "chat", Model: model})
}

func TestExact(t *testing.T) {
	e, err := estimator()
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"model":"gpt-5","messages":[{"role":"user","content":"Antidisestablishmentarianism is a long word, isn\u0027t it?"}]}`
	const perPrompt = 3 + 4 // what OpenAI adds
	for _, model := range []string{"gpt-5", "openai/gpt-4o-mini", "gpt-3.5-turbo"} {
		codec, err := tokenizer.Get(encodingOf(model))
		if err != nil {
			t.Fatal(err)
		}
		want, err := codec.Count("Antidisestablishmentarianism is a long word, isn't it?")
		if err != nil {
			t.Fatal(err)
		}
		if got := estimate(t, e, model, body).Text; got != int64(want)+perPrompt {
			t.Errorf("%s: %d tokens, want %d", model, got, want+perPrompt)
		}
	}
}

func TestUnknownModel(t *testing.T) {
	e, err := estimator()
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"messages":[{"role":"user","content":"What is the capital of France, and of Burkina Faso?"}]}`
	for _, model := range []string{"", "claude-opus-4-5", "my-deployment", "o1x", "gpt-50"} {
		want := estimate(t, tokens.Heuristic{}, model, body)
		if got := estimate(t, e, model, body); got != want {
			t.Errorf("%q: %+v, want %+v as of the Heuristic", model, got, want)
		}
	}
}

// A long text is counted at its beginning, and the rest in proportion.
func TestLong(t *testing.T) {
	e, err := estimator()
	if err != nil {
		t.Fatal(err)
	}
	const sentence = "The quick brown fox jumps over the lazy dog, and walks home through the old town. "
	text := strings.Repeat(sentence, 5000)
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	one, err := codec.Count(sentence)
	if err != nil {
		t.Fatal(err)
	}
	want := int64(one-1) * 5000 // a space at the end of a sentence belongs to the next one
	got := estimate(t, e, "gpt-5", `{"messages":[{"role":"user","content":"`+text+`"}]}`).Text
	if got < want*98/100 || got > want*102/100 {
		t.Errorf("%d tokens, want %d within 2 %%", got, want)
	}
}

// White space that a vocabulary takes long for costs no seconds.
func TestWhiteSpace(t *testing.T) {
	e, err := estimator()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	estimate(t, e, "gpt-5", `{"messages":[{"role":"user","content":"`+strings.Repeat(`\n `, 200_000)+`"}]}`)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

func FuzzCount(f *testing.F) {
	f.Add("Hello, world", "gpt-5")
	f.Add("\xff\xfe\n \n ", "gpt-4")
	f.Add(strings.Repeat(" ", 1000), "gpt-5")
	f.Fuzz(func(t *testing.T, text, model string) {
		e, err := estimator()
		if err != nil {
			t.Fatal(err)
		}
		n, ok := e.(*tokens.Vocabulary).Count(model, text)
		if ok != (encodingOf(model) != "") || n < 0 || n > int64(4*len(text)) {
			t.Errorf("%d tokens, %v, of %d bytes for %q", n, ok, len(text), model)
		}
	})
}

func BenchmarkCount(b *testing.B) {
	e, err := estimator()
	if err != nil {
		b.Fatal(err)
	}
	body := `{"messages":[{"role":"user","content":"` + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 700) + `"}]}`
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		estimate(b, e, "gpt-5", body)
	}
}

// The counts of the corpus that tests the Heuristic are those of the vocabulary.
func TestCorpus(t *testing.T) {
	f, err := os.Open("../../middleware/tokens/testdata/corpus.jsonl")
	if err != nil {
		t.Skip("no corpus: ", err)
	}
	defer f.Close()
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	for lines := json.NewDecoder(f); lines.More(); {
		var sample struct {
			Kind, Text string
			Tokens     int64
		}
		if err := lines.Decode(&sample); err != nil {
			t.Fatal(err)
		}
		if n, ok := count(codec, sample.Text); !ok || n != sample.Tokens {
			t.Errorf("%s: %d tokens, the corpus says %d", sample.Kind, n, sample.Tokens)
		}
	}
}
