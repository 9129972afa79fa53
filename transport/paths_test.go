package transport

import (
	"bytes"
	"testing"
)

func TestUnknown(t *testing.T) {
	paths := MustPaths("model", "usage.input", "usage.details.cached", "response.usage.input").WithUnknown("usage", func(name []byte) bool {
		return bytes.HasSuffix(name, []byte("tokens"))
	})
	for doc, want := range map[string]string{
		`{"model":"m","usage":{"input":1}}`:                                          "",
		`{"model":"m","max_tokens":5,"usage":{"input":1}}`:                           "",
		`{"response":{"max_tokens":5,"usage":{"input":1}}}`:                          "",
		`{"model":"m","usage":{"input":1,"dream_tokens":5,"smell_tokens":6}}`:        "dream_tokens",
		`{"model":"m","usage":{"dream_tokens" : 5}}`:                                 "dream_tokens",
		`{"usage":{"dream_tokens":0,"a_tokens":-1,"b_tokens":"5","c_tokens":null}}`:  "",
		`{"usage":{"dream_tokens":[5],"e_tokens":{"x_tokens":6},"f_tokens":false}}`:  "",
		`{"usage":{"dream_tokens":"1","other":7,"text":"b_tokens","late_tokens":8}}`: "late_tokens",
		`{"usage":{"details":{"cached":1,"dream_tokens":5},"late_tokens":1}}`:        "dream_tokens",
		`{"response":{"usage":{"dream_tokens":5}},"late_tokens":1}`:                  "dream_tokens",
		`{"usage":[{"dream_tokens":5}],"model":"m"}`:                                 "",
	} {
		var s scanner
		f, err := Find([]byte(doc), paths)
		if err != nil || f.Unknown() != want {
			t.Errorf("%s: %q, %v, want %q", doc, f.Unknown(), err, want)
		}
		for first := range doc {
			for second := first; second < len(doc); second++ {
				s.reset(paths, 64)
				for _, part := range []string{doc[:first], doc[first:second], doc[second:]} {
					s.Write([]byte(part))
				}
				if !s.complete() || s.unknown != want {
					t.Fatalf("%s, cut at %d and %d: %q, want %q", doc, first, second, s.unknown, want)
				}
			}
		}
	}
}
