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

func TestCamel(t *testing.T) {
	for in, want := range map[string]string{
		"contents": "contents", "system_instruction": "systemInstruction", "expireTime": "expireTime",
		"max_output_tokens": "maxOutputTokens", "a__b_": "aB", "_x": "X", "": "",
	} {
		if got := camel(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
