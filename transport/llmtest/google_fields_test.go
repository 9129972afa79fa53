package llmtest

import "testing"

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
