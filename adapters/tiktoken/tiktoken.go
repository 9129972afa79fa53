// Package tiktoken counts the text of requests with the vocabularies of OpenAI's models, where the estimates of
// [tokens.Heuristic] are not exact enough:
//
//	estimator, err := tiktoken.New()
//
// It knows the models of OpenAI that use o200k_base or cl100k_base, by the beginning of their names, with or without "openai/"
// before it. Requests of any other model, and of a deployment at Azure whose name says nothing of its model, are estimated by
// the Heuristic. So is what no vocabulary tells: what a provider adds to each message, tools and schemas, and media.
//
// # Cost
//
// The vocabularies add about 12 MB to a program and take up to half a second to load, which [New] does. They count 2 to 11 MB
// of text a second, so a request with 4 KB of text waits for about 1 ms. Of a longer text than 64 KB, only the beginning is
// counted, and the rest in proportion: no request waits for more than some ten milliseconds. The Heuristic counts some hundred MB a second
// and is within 20 % for most texts; a [tokens.Learner] corrects the rest for each model. Use this package only if you have
// measured that you need it.
package tiktoken

import (
	"fmt"
	"strings"

	"github.com/tiktoken-go/tokenizer"

	"github.com/skinflint-go/skinflint/middleware/tokens"
)

// New returns an estimator with the vocabularies o200k_base and cl100k_base. It is safe for concurrent use, and so may be
// shared by all clients of a program.
func New() (tokens.Estimator, error) {
	o200k, err := load(tokenizer.O200kBase)
	if err != nil {
		return nil, err
	}
	cl100k, err := load(tokenizer.Cl100kBase)
	if err != nil {
		return nil, err
	}
	return &tokens.Vocabulary{Count: func(model, text string) (int64, bool) {
		switch encodingOf(model) {
		case tokenizer.O200kBase:
			return count(o200k, text)
		case tokenizer.Cl100kBase:
			return count(cl100k, text)
		}
		return 0, false
	}}, nil
}

// load loads a vocabulary, and counts a word so that nothing is left for the first request.
func load(e tokenizer.Encoding) (tokenizer.Codec, error) {
	codec, err := tokenizer.Get(e)
	if err == nil {
		_, err = codec.Count("word")
	}
	if err != nil {
		return nil, fmt.Errorf("tiktoken: cannot load %s: %w", e, err)
	}
	return codec, nil
}

// encodings are the encodings of models, by the beginning of their names: the first that fits counts. They are those of
// model.py in OpenAI's tiktoken.
var encodings = [...]struct {
	prefix   string
	encoding tokenizer.Encoding
}{
	{"gpt-5", tokenizer.O200kBase},
	{"gpt-4.5", tokenizer.O200kBase},
	{"gpt-4.1", tokenizer.O200kBase},
	{"gpt-4o", tokenizer.O200kBase},
	{"chatgpt-4o", tokenizer.O200kBase},
	{"gpt-oss", tokenizer.O200kBase},
	{"o1", tokenizer.O200kBase},
	{"o3", tokenizer.O200kBase},
	{"o4-mini", tokenizer.O200kBase},
	{"gpt-4", tokenizer.Cl100kBase},
	{"gpt-3.5", tokenizer.Cl100kBase},
	{"gpt-35", tokenizer.Cl100kBase}, // as Azure names it
	{"text-embedding-3-", tokenizer.Cl100kBase},
	{"text-embedding-ada-002", tokenizer.Cl100kBase},
}

// encodingOf returns the encoding of a model; "" if it is not known.
func encodingOf(model string) tokenizer.Encoding {
	model = strings.TrimPrefix(model, "ft:") // fine-tuned: "ft:gpt-4o-mini:acme::id"
	model = strings.TrimPrefix(model, "openai/")
	for _, e := range encodings {
		rest, ok := strings.CutPrefix(model, e.prefix)
		if ok && (rest == "" || strings.HasSuffix(e.prefix, "-") || strings.ContainsRune("-.:@", rune(rest[0]))) {
			return e.encoding
		}
	}
	return ""
}

// maxRun is how long white space may be, in bytes, before the text is cut in it: the time to count a run of it grows with the
// square of its length, and 64 KB of lines with a space each took 10 seconds.
const maxRun = 128

// count counts the tokens of a text.
func count(codec tokenizer.Codec, text string) (total int64, ok bool) {
	run, from := 0, 0
	for i := range len(text) {
		switch text[i] {
		case ' ', '\n', '\r', '\t', '\v', '\f':
			if run++; run < maxRun {
				continue
			}
			n, err := codec.Count(text[from : i+1])
			if err != nil {
				return 0, false
			}
			total, from = total+int64(n), i+1
		}
		run = 0
	}
	n, err := codec.Count(text[from:])
	return total + int64(n), err == nil
}
