package transport_test

import (
	"fmt"
	"net/http"

	"github.com/skinflint-go/skinflint/transport"
)

var totalTokens = transport.PathOf("usage.total_tokens")

type usageReader struct{}

func (usageReader) Document(doc *transport.Fields) transport.Seen {
	n, ok := doc.Get(totalTokens)
	fmt.Printf("a document: %s %v\n", n, ok)
	return 0
}

// In a stream of events, only the first one and those with a usage are parsed.
func ExampleDocuments() {
	var documents transport.Documents
	documents.Begin(http.Header{"Content-Type": {"text/event-stream"}}, transport.Format{
		Paths: transport.MustPaths("usage.total_tokens"),
		Marks: [][]byte{[]byte(`"usage"`)},
		Done:  []byte("[DONE]"),
	}, usageReader{})
	stream := []byte(`data: {"choices":[{"delta":{"content":"Hel"}}],"usage":null}

data: {"choices":[{"delta":{"content":"lo"}}],"usage":null}

data: {"choices":[],"usage":{"total_tokens":9}}

data: [DONE]

`)
	for len(stream) > 0 {
		n, _ := documents.Observe(stream)
		stream = stream[n:]
	}
	fmt.Println(documents.End(transport.EndClosed) == transport.Complete)
	// Output:
	// a document:  false
	// a document: 9 true
	// true
}
