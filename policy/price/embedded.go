package price

import (
	"bytes"
	_ "embed"
	"sync"
)

//go:embed catalog.json
var embeddedJSON []byte

// embedded parses the catalog that is part of this package. A test parses it too, so that it cannot fail in a program.
var embedded = sync.OnceValue(func() *Catalog {
	c, err := Parse("embedded", bytes.NewReader(embeddedJSON))
	if err != nil {
		panic(err)
	}
	return c
})

// Embedded returns the catalog that comes with this package: list prices as their providers publish them, each with its
// source. It is parsed once, at the first call, and is safe for concurrent use.
func Embedded() *Catalog { return embedded() }
