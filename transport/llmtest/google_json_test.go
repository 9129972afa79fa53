package llmtest

import "testing"

func TestSpaced(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1,"b":[2,"c:d"]}`:  `{"a": 1,"b": [2,"c:d"]}`,
		`{"a\\":"\\","c:":0}`:    `{"a\\": "\\","c:": 0}`,
		`{"a\":":"\"","b":null}`: `{"a\":": "\"","b": null}`,
	} {
		if got := string(spaced([]byte(in))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
