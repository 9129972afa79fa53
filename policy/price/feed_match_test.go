package price

import "testing"

func TestClause(t *testing.T) {
	for _, c := range []struct {
		clause, name string
		want         bool
	}{
		{`{"equals": "A"}`, "a", true},
		{`{"starts_with": "gpt-"}`, "GPT-5", true},
		{`{"ends_with": "-5"}`, "gpt-5", true},
		{`{"contains": "t-"}`, "gpt-5", true},
		{`{"contains": "x"}`, "gpt-5", false},
		{`{"regex": "^gpt-\\d$"}`, "GPT-5", true},
		{`{"regex": "^(?!.*-tts(?:$|-))"}`, "a-TTS", false},
		{`{"regex": "^(?!.*-tts(?:$|-))"}`, "a-ttsx", true},
		{`{"regex": "^(?!a)b(c)"}`, "bc", false}, // a lookahead that is not all of it is not understood
		{`{"or": [{"equals": "a"}, {"equals": "b"}]}`, "b", true},
		{`{"and": [{"starts_with": "a"}, {"ends_with": "b"}]}`, "axb", true},
		{`{"and": [{"starts_with": "a"}, {"ends_with": "b"}]}`, "ax", false},
		{`{"and": [{"starts_with": "a"}, {"sounds_like": "b"}]}`, "ab", false},
		{`{"and": []}`, "a", false},
		{`{}`, "", false},
		{`{"equals": ""}`, "", false},
	} {
		got, _ := parseClause([]byte(c.clause), 0)
		if got.match(c.name) != c.want {
			t.Errorf("%s matches %q: %t", c.clause, c.name, !c.want)
		}
	}
}
