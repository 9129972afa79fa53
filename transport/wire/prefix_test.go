package wire

import "testing"

// prefixOf reads the prefix of a body.
func prefixOf(t testing.TB, shape *PrefixShape, body string) Prefix {
	t.Helper()
	r := NewPrefixReader(shape)
	defer r.Release()
	r.Write([]byte(body))
	p := *r.Prefix()
	p.Elements = append([]Element(nil), p.Elements...)
	return p
}

func TestPrefixGoogle(t *testing.T) {
	p := prefixOf(t, generatePrefix, `{"contents":[{"role":"user","parts":[{"text":"a\nb"}]},{"parts":{"text":"c"},"role":"model"},{"parts":[{"text":"x"}]}],
	"system_instruction":{"parts":[{"text":"be"}]},"tools":[{"function_declarations":[{"name":"f","parameters":{"type":"object"}}]}],"model":{"a":[1,2,"x"]}}`)
	if p.Problem != "" || len(p.Elements) != 5 || len(p.Head()) != 2 {
		t.Fatalf("%+v", p)
	}
	q := prefixOf(t, chatPrefix, `{"messages":[{"content":"be","role":"system"},{"role":"user","content":"a\nb"},{"role":"assistant","content":[{"text":"c","type":"text"}]},{"role":"user","content":"x"}]}`)
	if q.Problem != "" || len(q.Elements) != 4 {
		t.Fatalf("%+v", q)
	}
	for i := range q.Elements {
		if q.Elements[i].Digest != p.Elements[i+1].Digest {
			t.Errorf("%d differs: %+v %+v", i, q.Elements[i], p.Elements[i+1])
		}
	}
}
