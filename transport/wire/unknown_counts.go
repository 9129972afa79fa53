package wire

import (
	"bytes"

	"github.com/skinflint-go/skinflint/transport"
)

// unknownCount reports whether a name in a usage that is not in any table is that of a count of tokens.
func unknownCount(name []byte) bool {
	return bytes.Contains(name, []byte("token")) && !bytes.Contains(name, []byte("cost")) && !partNames[string(name)]
}

// withUnknownCounts has the paths also find an unknown count of tokens within the member "usage" of a message.
func withUnknownCounts(paths *transport.Paths) *transport.Paths {
	return paths.WithUnknown("usage", unknownCount)
}

// noteUnknownCount notes an unknown count of the usage: the cost of the known ones is then not all.
func noteUnknownCount(doc *transport.Fields, a *Answer) {
	if name := doc.Unknown(); name != "" {
		a.Extras = "it also counts " + printable(name) + ", whose price is not known"
	}
}
