package transport_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/transport"
)

func ExampleFind() {
	paths := transport.MustPaths("model", "service_tier")
	fields, err := transport.Find([]byte(`{ "model": "gpt-5", "seed": 18446744073709551615 }`), paths)
	if err != nil {
		panic(err)
	}
	edited, err := fields.Splice(transport.Edit{Path: "service_tier", Value: `"flex"`})
	fmt.Println(fields.Text(transport.PathOf("model")))
	fmt.Println(string(edited), err)
	// Output:
	// gpt-5
	// {"service_tier":"flex", "model": "gpt-5", "seed": 18446744073709551615 } <nil>
}

// Find also returns the members of a document that was cut off.
func ExampleFind_cut() {
	message := transport.PathOf("error.message")
	fields, err := transport.Find([]byte(`{"error":{"message":"too many requests","details":[{"@ty`), transport.MustPaths("error.message"))
	fmt.Println(fields.Text(message))
	fmt.Println(err)
	// Output:
	// too many requests
	// transport: JSON ends too early
}

func ExampleObjects() {
	kind, count := transport.PathOf("modality"), transport.PathOf("tokenCount")
	list := []byte(`[{"modality":"TEXT","tokenCount":5}, {"modality":"IMAGE","tokenCount":258}]`)
	for fields, err := range transport.Objects(list, transport.MustPaths("modality", "tokenCount")) {
		if err != nil {
			panic(err)
		}
		n, _ := fields.Get(count)
		fmt.Printf("%s %s\n", fields.Text(kind), n)
	}
	// Output:
	// TEXT 5
	// IMAGE 258
}

func ExamplePaths_WithUnknown() {
	paths := transport.MustPaths("usage.input_tokens").WithUnknown("usage", func(name []byte) bool { return len(name) > 7 && string(name[len(name)-7:]) == "_tokens" })
	fields, _ := transport.Find([]byte(`{"usage":{"input_tokens":3,"dream_tokens":5}}`), paths)
	fmt.Println(fields.Unknown())
	// Output: dream_tokens
}

func ExampleMembers() {
	members := transport.MembersOf([]byte(`{"prompt_tokens": 9, "details": {"cached_tokens": 4}, "choices": [{"index": 0}]}`))
	for path, value, ok := members.Next(); ok; path, value, ok = members.Next() {
		fmt.Printf("%s %s\n", path, value)
	}
	// Output:
	// prompt_tokens 9
	// details {
	// details.cached_tokens 4
	// choices [{"index": 0}]
}
