package spell

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"openai", "gemini", "groq", "chat"}
	for name, want := range map[string]string{"opnai": "openai", "OpenAI": "openai", "gemni": "gemini", "grok": "groq", "chta": "chat", "acme": "", "": ""} {
		if got := Nearest(name, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b       string
		most, want int
	}{
		{"max_wait", "max_wait", 3, 0},
		{"max_wiat", "max_wait", 3, 1}, // swapped
		{"max_wai", "max_wait", 3, 1},
		{"maxx_wait", "max_wait", 3, 1},
		{"nax_wait", "max_wait", 3, 1},
		{"colour", "quota", 3, 3},
		{"a", "max_elapsed", 3, 3},
		{"", "", 1, 0},
	} {
		if got := distance(test.a, test.b, test.most); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
