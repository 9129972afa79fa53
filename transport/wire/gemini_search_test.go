package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestGeminiSearches(t *testing.T) {
	const (
		searching = `{"tools":[{"googleSearch":{}}]}`
		usage     = `"usageMetadata":{"promptTokenCount":1,"totalTokenCount":1}`
		older     = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent"
	)
	grounded := func(queries string) string {
		return `{"candidates":[{"groundingMetadata":{"webSearchQueries":` + queries + `,"groundingChunks":[{"web":{"uri":"x"}}]}}],` + usage + `}`
	}
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, `,"q%d"`, i)
	}
	testAnswers(t, []answered{
		{name: "each different query", url: geminiURL, request: searching, docs: []string{grounded(`["a"," b ",""]`), grounded(`["b","c"]`)},
			usage: price.Usage{Input: 1, WebSearches: 3}},
		{name: "an older model: by the prompt", url: older, request: searching, docs: []string{grounded(`["a","b"]`)}, usage: price.Usage{Input: 1, WebSearches: 1}},
		{name: "an older model that did not search", url: older, request: searching, docs: []string{`{"candidates":[{}],` + usage + `}`}, usage: price.Usage{Input: 1}},
		{name: "no tool", url: geminiURL, docs: []string{grounded(`["a"]`)}, usage: price.Usage{Input: 1}},
		{name: "candidates that make no sense", url: geminiURL, request: searching, docs: []string{`{"candidates":7,` + usage + `}`},
			usage: price.Usage{Input: 1}, extras: "may also have used searches"},
		{name: "more than are counted", url: geminiURL, request: searching, docs: []string{grounded(`["a"` + many.String() + `]`)},
			usage: price.Usage{Input: 1, WebSearches: 4096}, extras: "more searches"},
	})
}

// Events that ground an answer are read only if the request may search, so that other calls are not slower.
func TestGroundedShape(t *testing.T) {
	d, plain, _ := recognise(t, "POST", geminiURL)
	searching := plain
	d.Request(&plain, nil, fields(t, plain.RequestPaths, `{"tools":[{"functionDeclarations":[]}]}`))
	d.Request(&searching, nil, fields(t, plain.RequestPaths, `{"tools":[{"google_search":{}}]}`))
	if plain.AnswerLimit != 0 || len(plain.Marks) != 3 || searching.AnswerLimit == 0 || len(searching.Marks) != 4 {
		t.Errorf("%+v\n%+v", plain.Shape, searching.Shape)
	}
	if plain.Provider != searching.Provider || len(searching.Tiers) != 3 || !searching.Caches {
		t.Errorf("%+v", searching.Shape)
	}
}
