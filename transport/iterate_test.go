package transport

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func membersOf(object string) (got []string) {
	l := MembersOf([]byte(object))
	for path, value, ok := l.Next(); ok; path, value, ok = l.Next() {
		got = append(got, string(path)+"="+string(value))
	}
	return got
}

func TestMembers(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 7)
	var way []string
	for i := range 7 {
		way = append(way, strings.Repeat("a.", i)+"a={")
	}
	for object, want := range map[string][]string{
		`{}`: nil, ``: nil, `[]`: nil, `5`: nil, `{`: nil, `{"a"`: nil, `{"a":`: nil, `{"a":x`: nil,
		`{"a":1,"b":"x","c":null,"d":[1,{"e":2}],"f":{}}`:                        {"a=1", `b="x"`, "c=null", `d=[1,{"e":2}]`, "f={"},
		" {\n\"a\" : { \"b\" : -1.5 , \"c\" : { \"d\" : true } } , \"e\" : 2 } ": {"a={", "a.b=-1.5", "a.c={", "a.c.d=true", "e=2"},
		`{"a":{"b":1},"a":{"b":2}}`:                                              {"a={", "a.b=1", "a={", "a.b=2"},
		`{"\u0061\"":1}`:                                                         {`a"=1`},
		`{"a":1,"b":`:                                                            {"a=1"},
		deep + `{"b":{"c":1},"d":2}` + strings.Repeat("}", 7):                    append(way, strings.Repeat("a.", 7)+"d=2"), // b is too deep
		`{"` + strings.Repeat("x", 129) + `":{"y":1},"z":2}`:                     {"z=2"},
		`{"` + strings.Repeat("x", 127) + `":{"y":1},"z":2}`:                     {strings.Repeat("x", 127) + "={", "z=2"},
		`{"` + strings.Repeat("x", 126) + `":{"y":1}}`:                           {strings.Repeat("x", 126) + "={", strings.Repeat("x", 126) + ".y=1"},
		`{"":{"":3},"a":{"":4}}`:                                                 {"a={", "a.=4"},
	} {
		got := membersOf(object)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", object, got, want)
		}
	}
}

// Whatever the bytes, the iteration ends; of valid JSON it has all numbers that are in objects only.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":2,"d":[3]}}`))
	f.Add([]byte(`{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":1}}}}}}}}}`))
	f.Add([]byte(`{"":`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got := membersOf(string(doc))
		var object map[string]json.RawMessage
		if json.Unmarshal(doc, &object) != nil {
			return
		}
		for name, raw := range object {
			if raw[0] >= '0' && raw[0] <= '9' && name != "" && len(name) <= maxMemberPath && strings.ToValidUTF8(name, "") == name && !strings.ContainsRune(name, '\uFFFD') {
				if member := fmt.Sprintf("%s=%s", name, raw); !slices.Contains(got, member) {
					t.Fatalf("%q: %q lacks %q", doc, got, member)
				}
			}
		}
	})
}

func TestMembersDoNotAllocate(t *testing.T) {
	doc := []byte(`{"prompt_tokens":9,"details":{"cached_tokens":4,"names":["a"]}}`)
	if n := testing.AllocsPerRun(100, func() {
		l := MembersOf(doc)
		for _, _, ok := l.Next(); ok; _, _, ok = l.Next() {
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
