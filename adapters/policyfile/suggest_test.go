package policyfile

import "testing"

func TestOneOf(t *testing.T) {
	for want, list := range map[string][]string{"a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"}} {
		if got := oneOf(list); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
