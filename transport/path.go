package transport

import "sync"

// A Path names a member of a JSON document: "model" is one of the document's own object, "response.usage" one of the
// object that its member "response" holds. It is a number that a package keeps in a variable, so that looking up a member
// costs a few instructions. The zero Path names none.
type Path uint16

var known struct {
	sync.RWMutex
	numbers map[string]Path
	names   []string
}

// PathOf returns the number of a path. A number is never freed, so PathOf is for paths that stand in the source, not for
// those that come from outside. It is safe for concurrent use.
func PathOf(path string) Path {
	if p, ok := pathOf(path); ok {
		return p
	}
	known.Lock()
	defer known.Unlock()
	if known.numbers == nil {
		known.numbers, known.names = map[string]Path{"": 0}, []string{""}
	}
	if _, ok := known.numbers[path]; !ok {
		known.numbers[path] = Path(len(known.names))
		known.names = append(known.names, path)
	}
	return known.numbers[path]
}

// pathOf returns the number of a path that has one.
func pathOf(path string) (p Path, ok bool) {
	known.RLock()
	defer known.RUnlock()
	p, ok = known.numbers[path]
	return p, ok
}

// String returns the names, joined by dots.
func (p Path) String() string {
	known.RLock()
	defer known.RUnlock()
	return known.names[p]
}
