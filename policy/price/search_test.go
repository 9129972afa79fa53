package price

import "testing"

func TestSnapshots(t *testing.T) {
	for _, test := range []struct {
		provider, model, want string // want is the catalog's model, "" for none
	}{
		{"openai", "gpt-5", "gpt-5"},
		{"openai", "gpt-5-2025-08-07", "gpt-5"},
		{"openai", "gpt-5-20250807", "gpt-5"},
		{"openai", "models/gpt-5-2025-08-07", "gpt-5"},
		{"openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"}, // listed, and dearer than gpt-4o
		{"openai", "gpt-4o-2024-12-17", "gpt-4o"},
		{"openai", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-0125"},
		{"openai", "gpt-3.5-turbo-0301", ""},
		{"openai", "gpt-5-25-08-07", ""},
		{"openai", "gpt-5-2025-8-7", ""},
		{"openai", "gpt-52025-08-07", ""},
		{"openai", "gpt-5 2025-08-07", ""},
		{"openai", "gpt-5-turbo", ""},
		{"openai", "gpt-5-latest", ""},
		{"openai", "gpt-5-mini-latest", ""},
		{"openai", "chatgpt-4o-latest", "chatgpt-4o-latest"},
		{"openai", "ft:gpt-4o-2024-08-06:acme", ""},
		{"openai", "-2025-08-07", ""},
		{"openai", "", ""},
		{"gemini", "gemini-2.0-flash-001", "gemini-2.0-flash"},
		{"gemini", "models/gemini-2.0-flash-001", "gemini-2.0-flash"},
		{"gemini", "gemini-2.0-flash-01", ""},
		{"gemini", "gemini-2.0-flash-0011", ""},
		{"gemini", "gemini-2.0-flash-001-001", ""},
		{"gemini", "gemini-embedding-001", "gemini-embedding-001"},
		{"gemini", "gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash-preview-09-2025"},
		{"gemini", "models/models/gemini-2.5-pro", ""},
		{"gemini", "gemini-2.5-pro-latest", ""},
		{"anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"},
	} {
		got, err := Embedded().Cost(query(test.provider, test.model, "standard"), Usage{})
		if test.want == "" {
			wantUnpriced(t, err, test.model)
		} else if want := "embedded/" + test.provider + "/" + test.want + "/-/standard"; got.PriceID != want {
			t.Errorf("%s is priced by %s (%v), want %s", test.model, got.PriceID, err, want)
		}
	}
}
