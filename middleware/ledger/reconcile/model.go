package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// canonical is a model's name as rows and bills can both have it: in lower case, and for a fine-tuned model only what it
// was made of, as "ft:gpt-4o-2024-08-06:acme::abc" is billed as "ft-gpt-4o-2024-08-06".
func canonical(name string) string {
	name = strings.ToLower(strings.TrimPrefix(name, "models/"))
	if tuned, ok := strings.CutPrefix(name, "ft:"); ok {
		name, _, _ = strings.Cut(tuned, ":")
		name = "ft-" + name
	}
	return name
}

// base is the name without the date or number that makes it one of a snapshot: "gpt-4o", of "gpt-4o-2024-08-06".
func base(name string) string {
	for _, tail := range [...]string{"-dddd-dd-dd", "-dddddddd", "-dddd", "-ddd"} {
		if at := len(name) - len(tail); at > 0 && looksLike(name[at:], tail) {
			return name[:at]
		}
	}
	return name
}

// looksLike says whether s has a digit where the pattern has a d, and is the same elsewhere. Both are of one length.
func looksLike(s, pattern string) bool {
	for i := range len(s) {
		if isDigit := s[i] >= '0' && s[i] <= '9'; pattern[i] == 'd' && !isDigit || pattern[i] != 'd' && s[i] != pattern[i] {
			return false
		}
	}
	return true
}

type set map[string]bool

// names are the models that the rows and the bill speak of, canonical.
type names struct {
	rows   set            // as served, or as asked for
	billed set            // by the bill
	asked  set            // of rows that do not know what served them, and which may cost something
	served map[string]set // what served, by what was asked for
}

// keys returns under which name each model is compared. It is its own, unless the bill and the rows tell the models of a
// family apart in different ways: then all of that family are compared together, by its base. To a family belong the
// snapshots of a model, and what is asked for by a name of its own, such as that of a deployment, and served by one of it.
func (n *names) keys() map[string]string {
	parent := make(map[string]string)
	var find func(string) string
	find = func(b string) string {
		if p, ok := parent[b]; ok {
			return find(p)
		}
		return b
	}
	for _, name := range slices.Sorted(maps.Keys(n.asked)) {
		for _, served := range slices.Sorted(maps.Keys(n.served[name])) {
			if a, b := find(base(name)), find(base(served)); a != b {
				parent[a] = b
			}
		}
	}
	type family struct {
		names  []string
		billed []string
		apart  bool // the bill does not name what the rows do
	}
	families := make(map[string]*family)
	all := maps.Clone(n.rows)
	maps.Copy(all, n.billed)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		root := find(base(name))
		f := families[root]
		if f == nil {
			f = new(family)
			families[root] = f
		}
		f.names = append(f.names, name)
		if n.billed[name] {
			f.billed = append(f.billed, base(name))
		}
		f.apart = f.apart || n.rows[name] && !n.billed[name] || n.asked[name]
	}
	keys := make(map[string]string, len(all))
	for _, f := range families {
		for _, name := range f.names {
			keys[name] = name
			if f.apart && len(f.names) > 1 {
				keys[name] = base(f.names[0])
				if len(f.billed) > 0 {
					keys[name] = slices.MinFunc(f.billed, cmp.Compare)
				}
			}
		}
	}
	return keys
}
