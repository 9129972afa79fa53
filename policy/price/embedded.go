package price

import (
	"bytes"
	_ "embed"
	"sync"
)

//go:embed catalog.json
var embeddedJSON []byte

// embedded parses the catalog that is part of this package. A test parses it too, so it cannot fail in a program.
var embedded = sync.OnceValue(func() *Catalog {
	c, err := Parse("embedded", bytes.NewReader(embeddedJSON))
	if err != nil {
		panic(err)
	}
	return c
})

// Embedded returns the catalog that comes with this package: list prices as the providers publish them, each with its
// source. The first call parses it. It is safe for concurrent use.
func Embedded() *Catalog { return embedded() }
