package transport

import (
	"fmt"
	"slices"
	"strings"
)

// A set of Paths holds at most maxPaths paths, of at most maxPathLen names each.
const (
	maxPathLen = 4
	maxPaths   = 64
)

// Paths is a set of members to find in a JSON document: "model" is a member of the document's own object,
// "response.usage" a member of the object that its member "response" holds. Paths do not lead through arrays.
// If both a path and a longer one that begins with it are in the set ("error" and "error.code"), the shorter one finds only
// values that are not objects. A Paths is immutable and safe for concurrent use.
type Paths struct {
	full  []string
	names [][]string
	all   uint64 // one bit a path
	deep  int    // the longest path's number of names

	// leads has, by level, the paths that have more names, and ends those whose last name is of the level.
	leads [maxPathLen]uint64
	ends  [maxPathLen]uint64

	// sized has the names by level and length, as most keys differ in length.
	sized [maxPathLen][maxSized][]name
	slots []uint8 // by Path: its index in full, plus 1; 0 is not in the set

	array   int                    // index in full, plus 1, of the array whose elements are located; 0 is none
	unknown func(name []byte) bool // see WithUnknown
	under   [maxPathLen]uint64     // by level: the paths that have led through the root of unknown members before it
}

// A name is a key at a level, and the paths that have it there.
type name struct {
	text  string
	paths uint64
}

// maxSized is the length from which on all names share one list.
const maxSized = 32

// NewPaths returns the set of the given paths. It holds at most 64 paths of at most 4 names each; those beyond are
// an error, as are empty names.
func NewPaths(paths ...string) (*Paths, error) {
	if len(paths) > maxPaths {
		return nil, fmt.Errorf("transport: %d JSON paths, at most %d", len(paths), maxPaths)
	}
	ps := &Paths{full: paths}
	for i, path := range paths {
		names := strings.Split(path, ".")
		if len(names) > maxPathLen || slices.Contains(names, "") {
			return nil, fmt.Errorf("transport: JSON path %q: want 1 to %d names joined by dots", path, maxPathLen)
		}
		ps.names = append(ps.names, names)
		ps.all |= 1 << i
		for level, name := range names {
			ps.addName(level, name, 1<<i)
			if level < len(names)-1 {
				ps.leads[level] |= 1 << i
			} else {
				ps.ends[level] |= 1 << i
			}
		}
		p := PathOf(path)
		if int(p) >= len(ps.slots) {
			ps.slots = append(ps.slots, make([]uint8, int(p)+1-len(ps.slots))...)
		}
		if ps.slots[p] == 0 {
			ps.slots[p] = uint8(i + 1)
		}
		ps.deep = max(ps.deep, len(names))
	}
	return ps, nil
}

func (ps *Paths) addName(level int, text string, path uint64) {
	names := &ps.sized[level][min(len(text), maxSized-1)]
	for i := range *names {
		if (*names)[i].text == text {
			(*names)[i].paths |= path
			return
		}
	}
	*names = append(*names, name{text, path})
}

// MustPaths is [NewPaths] for paths written in the source. It panics where NewPaths returns an error.
func MustPaths(paths ...string) *Paths {
	ps, err := NewPaths(paths...)
	if err != nil {
		panic(err)
	}
	return ps
}

// With returns the same paths and others. What [Paths.WithElements] and [Paths.WithUnknown] added is not kept. It is for paths
// written in the source, and panics where [NewPaths] returns an error.
func (ps *Paths) With(paths ...string) *Paths {
	all := slices.Clone(ps.full)
	for _, path := range paths {
		if !slices.Contains(all, path) {
			all = append(all, path)
		}
	}
	return MustPaths(all...)
}

// WithElements returns the same paths, and also locates the elements of the array at one of them: see [Fields.Elements].
// Only one array can be chosen. A path that is not in the set has no elements.
func (ps *Paths) WithElements(array Path) *Paths {
	with := *ps
	with.array = int(with.slot(array))
	return &with
}

// WithUnknown returns the same paths, and also notes an unknown field: see [Fields.Unknown]. That is the first member which
// is not in the set, has a positive number for a value, and has a name for which notable reports true. It must be in the
// object called root, or in an object within it that a path leads through. For example, with the path "usage.input_tokens",
// root "usage", and a notable that accepts names ending in "_tokens", the document
// {"usage": {"input_tokens": 3, "dream_tokens": 5}} has the unknown field "dream_tokens".
func (ps *Paths) WithUnknown(root string, notable func(name []byte) bool) *Paths {
	with := *ps
	with.unknown, with.under = notable, [maxPathLen]uint64{}
	for i, names := range ps.names {
		for level := 1; level < len(names); level++ {
			if slices.Contains(names[:level], root) {
				with.under[level] |= 1 << i
			}
		}
	}
	return &with
}

// slot returns the index of a path in the set, plus 1; 0 if it is not in the set.
func (ps *Paths) slot(p Path) uint8 {
	if int(p) >= len(ps.slots) {
		return 0
	}
	return ps.slots[p]
}

// match returns which of the candidates have key as their name at the level; 0 is the document's own object.
func (ps *Paths) match(candidates uint64, level int, key []byte) uint64 {
	names := ps.sized[level][min(len(key), maxSized-1)]
	for i := range names {
		if names[i].paths&candidates != 0 && names[i].text == string(key) {
			return names[i].paths & candidates
		}
	}
	return 0
}
