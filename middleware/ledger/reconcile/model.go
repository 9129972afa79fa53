package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// canonical returns a model's name in the form in which rows and bills can both have it: in lower case, and for a fine-tuned
// model only its base. "ft:gpt-4o-2024-08-06:acme::abc" is billed as "ft-gpt-4o-2024-08-06".
func canonical(name string) string {
	name = strings.ToLower(strings.TrimPrefix(name, "models/"))
	if tuned, ok := strings.CutPrefix(name, "ft:"); ok {
		name, _, _ = strings.Cut(tuned, ":")
		name = "ft-" + name
	}
	return name
}

// base returns the name without the date or number of a snapshot: "gpt-4o" for "gpt-4o-2024-08-06".
func base(name string) string {
	for _, tail := range [...]string{"-dddd-dd-dd", "-dddddddd", "-dddd", "-ddd"} {
		if at := len(name) - len(tail); at > 0 && looksLike(name[at:], tail) {
			return name[:at]
		}
	}
	return name
}

// looksLike reports whether s has a digit where the pattern has a d, and equals the pattern elsewhere. Both have the same
// length.
func looksLike(s, pattern string) bool {
	for i := range len(s) {
		if isDigit := s[i] >= '0' && s[i] <= '9'; pattern[i] == 'd' && !isDigit || pattern[i] != 'd' && s[i] != pattern[i] {
			return false
		}
	}
	return true
}

type set map[string]bool

// names are the models that the rows and the bill name, in canonical form.
type names struct {
	rows   set            // of rows: the model that served, or else the one asked for
	billed set            // of the bill
	asked  set            // of rows that do not know what served them; true if such a row may cost something
	served map[string]set // the models that served, by the model that was asked for
}

func newNames() names { return names{make(set), make(set), make(set), make(map[string]set)} }

// addRow adds the names of a row. The cost of the row may be unknown.
func (n *names) addRow(r *ledger.Row, unknown bool) {
	name := canonical(cmp.Or(r.ServedModel, r.Model))
	n.rows[name] = true
	asked := canonical(r.Model)
	switch {
	case r.ServedModel == "":
		n.asked[name] = n.asked[name] || unknown
	case asked != "":
		if n.served[asked] == nil {
			n.served[asked] = make(set)
		}
		n.served[asked][name] = true
	}
}

// A family is a set of models that may have to be compared together: the snapshots of a model, and a name such as that of a
// deployment, if one of them has served it.
type family struct {
	names  []string // sorted
	billed []string // the bases of those that the bill names
	differ bool     // rows and bill name different members
}

// keys returns the name under which each model is compared. That is its own name, unless rows and bill name different
// members of a family. The whole family is then compared under its base.
func (n *names) keys() map[string]string {
	keys := make(map[string]string, len(n.rows)+len(n.billed))
	for _, f := range n.families() {
		for _, name := range f.names {
			keys[name] = name
			if f.differ && len(f.names) > 1 {
				keys[name] = f.key()
			}
		}
	}
	return keys
}

// key returns the name of the family.
func (f *family) key() string {
	if len(f.billed) > 0 {
		return slices.Min(f.billed)
	}
	return base(f.names[0])
}

// families returns the families of all names.
func (n *names) families() map[string]*family {
	root := n.roots()
	families := make(map[string]*family)
	all := maps.Clone(n.rows)
	maps.Copy(all, n.billed)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := families[root(name)]
		if f == nil {
			f = new(family)
			families[root(name)] = f
		}
		f.names = append(f.names, name)
		if n.billed[name] {
			f.billed = append(f.billed, base(name))
		}
		f.differ = f.differ || n.rows[name] && !n.billed[name] || n.asked[name]
	}
	return families
}

// roots returns a function from a name to the base that represents its family. It joins the bases of what was asked for and
// of what served it (union-find).
func (n *names) roots() func(name string) string {
	parent := make(map[string]string)
	find := func(name string) string {
		b := base(name)
		for {
			p, ok := parent[b]
			if !ok {
				return b
			}
			b = p
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.asked)) {
		for _, served := range slices.Sorted(maps.Keys(n.served[name])) {
			if a, b := find(name), find(served); a != b {
				parent[a] = b
			}
		}
	}
	return find
}
