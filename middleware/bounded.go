package middleware

// A bounded is a map that forgets the oldest keys when it has too many. The zero bounded is empty. It needs a lock.
type bounded[V any] struct {
	values map[string]V
	order  []string // the keys, the oldest first; one that was deleted stays until its turn comes
}

// maxBounded is how many keys a bounded holds.
const maxBounded = 16384

func (b *bounded[V]) put(key string, v V) {
	if b.values == nil {
		b.values = make(map[string]V)
	}
	if _, ok := b.values[key]; !ok {
		b.order = append(b.order, key)
	}
	b.values[key] = v
	if len(b.order) > maxBounded {
		delete(b.values, b.order[0])
		b.order = b.order[1:]
	}
}
