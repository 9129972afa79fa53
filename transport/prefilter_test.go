package transport

import (
	"bytes"
	"testing"
)

var markNames = [][]byte{[]byte(`"usage"`), []byte(`"error"`), []byte(`"x_groq"`)}

func TestMarked(t *testing.T) {
	for doc, want := range map[string]bool{
		`{"usage":{}}`:                              true,
		`{"usage":null}`:                            false,
		`{"usage" : null}`:                          false,
		`{"usage" : 1}`:                             true,
		"{\"usage\"\n:\tnull}":                      false,
		`{"a":1,"x_groq":{"id":"x"}}`:               true,
		`{"a":{"error":"x"}}`:                       true,
		`{"error":null,"usage":null,"x":1}`:         false,
		`{"usage":null,"usage":{}}`:                 true,
		`{"the usage":1,"xusage":1,"sage":1}`:       false,
		`{"content":"\"usage\": {}"}`:               false,
		`{"content":"usage: 5, \"error\":\"bad\""}`: false,
		`{"usage"}`:                                 false,
		`{"usage":`:                                 true, // cut: better read than not
		`{"usage":nul}`:                             true,
		`:`:                                         false,
		`":`:                                        false,
		``:                                          false,
	} {
		var g prefilter
		for range 3 { // whether anything is known of the beginning or not
			if got := g.marked([]byte(doc), markNames); got != want {
				t.Errorf("%s: %v", doc, got)
			}
		}
	}
}

// What the prefilter remembers of earlier events never changes its result for the next one.
func FuzzPrefilter(f *testing.F) {
	const head = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"delta":{"content":`
	f.Add([]byte(head + `"a"}}],"usage":null}` + "\n" + head + `"b"}}],"usage":null}` + "\n" + head + `"b"}}],"usage":{"x":1}}`))
	f.Add([]byte(`{"object":"chat.completion.chunk","usage":null}` + "\n" + `{"object":"chat.completion.chunk","usage":nul}` + "\n" + `{"object":"chat.completion.chunk","usage":{}}`))
	f.Add([]byte(`{"object":"chat.completion.chunk","usage"` + "\n" + `{"object":"chat.completion.chunk","usage"   :   {}}` + "\n" + `{"object":"chat.completion.chunk","usage"   :   null}`))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var g prefilter
		for event := range bytes.SplitSeq(stream, []byte("\n")) {
			if got, want := g.marked(event, markNames), marked(event, 0, markNames); got != want {
				t.Fatalf("%q: %v, want %v", event, got, want)
			}
		}
	})
}
