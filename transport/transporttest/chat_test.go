package transporttest

import "testing"

// TestSent checks which changes of a body are accepted.
func TestSent(t *testing.T) {
	const body = `{"a":1, "b":{"c":"d"}}`
	for got, same := range map[string]bool{
		body:                                 true,
		`{"x":0,"a":1, "b":{"c":"d"}}`:       true,
		`{"a":1, "b":{"c":"d"},"x":0}`:       true,
		`{"x":0,"a":1, "b":{"c":"d"},"x":0}`: false,
		`{"b":{"c":"d"},"a":1}`:              false,
		`{"a":1, "b":{"c": "d"}}`:            false,
		`{"a":1, "a":1, "b":{"c":"d"}}`:      false,
		`{"a":1}`:                            false,
		`{"a":1, "b":{"c":"d"}`:              false,
		``:                                   false,
	} {
		if wrong := sent([]byte(body), []byte(got)); (wrong == "") != same {
			t.Errorf("%s: %q", got, wrong)
		}
	}
	if sent([]byte(`[1]`), []byte(`[1 ]`)) == "" {
		t.Error("an array may be changed")
	}
}
