package transport_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/transport"
)

// The numbers of paths are held in variables, so that a value is looked up without hashing its path.
var (
	atModel = transport.PathOf("model")
	atUsage = transport.PathOf("usage.total_tokens")
)

func ExamplePathOf() {
	paths := transport.MustPaths(atModel.String(), atUsage.String())
	fields, _ := transport.Find([]byte(`{"model":"m","usage":{"total_tokens":7}}`), paths)
	total, ok := fields.Get(atUsage)
	fmt.Println(fields.Text(atModel), string(total), ok)
	// Output: m 7 true
}
