package ledger

// key identifies an attempt.
type key struct {
	call    string
	attempt int
}

func keyOf(r *Row) key { return key{r.Call, r.Attempt} }

// A window is a set of keys that keeps the latest ones: when it is full, a new key replaces the oldest.
type window[K comparable] struct {
	keys  map[K]bool
	order []K // a ring once it is full
	next  int
	most  int
}

func newWindow[K comparable](most int) window[K] {
	return window[K]{keys: make(map[K]bool), most: most}
}

func (w *window[K]) has(k K) bool { return w.keys[k] }

// add adds a key, and reports whether it was not there.
func (w *window[K]) add(k K) bool {
	n := len(w.keys)
	if w.keys[k] = true; len(w.keys) == n {
		return false
	}
	if len(w.order) < w.most {
		w.order = append(w.order, k)
		return true
	}
	delete(w.keys, w.order[w.next])
	w.order[w.next] = k
	if w.next++; w.next == w.most {
		w.next = 0
	}
	return true
}

// forget removes keys that were added. Their places in the order are freed in their turn.
func (w *window[K]) forget(keys []K) {
	for _, k := range keys {
		delete(w.keys, k)
	}
}
