package transport

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestSkipValue(t *testing.T) {
	for _, test := range []struct {
		doc  string
		want int // -1: not valid
	}{
		{`1,`, 1}, {`-0.5e+7]`, 7}, {`-`, -1}, {`01`, 1}, {`1.`, -1}, {`1e`, -1}, {`.5`, -1}, {`+1`, -1},
		{`true}`, 4}, {`tru`, -1}, {`nulls`, 4}, {`x`, -1},
		{`"a"b`, 3}, {`"a\""`, 5}, {`"a\\"b"`, 5}, {`"a`, -1},
		{`[]]`, 2}, {`[ 1 , [2] ]x`, 11}, {`[1,]`, -1}, {`[,1]`, -1}, {`[1`, -1}, {`[`, -1}, {`[1}`, -1},
		{`{}}`, 2}, {`{ "a" : {"b":[{}]} }x`, 20}, {`{"a"}`, -1}, {`{"a":}`, -1}, {`{"a":1,}`, -1}, {`{1:2}`, -1}, {`{"a":1]`, -1}, {`{`, -1},
		{strings.Repeat("[", 64) + strings.Repeat("]", 64), 128},
		{strings.Repeat("[", 65) + strings.Repeat("]", 65), -1}, // deeper than its bits
	} {
		if got := skipValue([]byte(test.doc), 0); got != test.want {
			t.Errorf("%.40s: %d, want %d", test.doc, got, test.want)
		}
	}
}

// The skipped bytes are exactly one valid value. The contents of its strings are not checked.
func FuzzSkipValue(f *testing.F) {
	f.Add([]byte(`{"a":[1,-2.5e3,"\"",{"b":null}]} `))
	f.Add([]byte(`[true,false,"\\"],`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if len(doc) == 0 {
			return
		}
		doc = blankStrings(doc)
		n := skipValue(doc, 0)
		if n >= 0 && !json.Valid(doc[:n]) {
			t.Fatalf("skipped %q of %q", doc[:n], doc)
		}
		if trimmed := bytes.Trim(doc, " \t\r\n"); json.Valid(doc) && bytes.Count(doc, []byte("["))+bytes.Count(doc, []byte("{")) < 64 && skipValue(trimmed, 0) != len(trimmed) {
			t.Fatalf("%q: skipped %d of %d", doc, skipValue(trimmed, 0), len(trimmed))
		}
	})
}
