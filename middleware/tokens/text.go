package tokens

import "sync"

// A text counts the tokens of a text that comes in pieces of any size. The zero text is empty.
type text struct {
	at  uint32 // the row of the state in the table
	sum uint64 // thousandths of a token
}

// A table says what a byte does: the entry at a row plus the byte's class has the next row in its low bits, and the cost
// above them.
const (
	rowBits  = 7      // classes are fewer than 128
	rows     = 1 << 9 // states are fewer than that, as a test checks
	nextBits = rowBits + 9
	nextMask = 1<<nextBits - 1
)

type table [rows << rowBits]uint32

// byteClasses has the class of each byte.
var byteClasses = func() (c [256]class) {
	for b := range c {
		c[b] = classOf(byte(b))
	}
	return c
}()

// endsPiece is set in stringClasses for the bytes that end a piece of a JSON string: the quote and the backslash.
const endsPiece = 0x80

// stringClasses is byteClasses within a JSON string.
var stringClasses = func() [256]class {
	c := byteClasses
	c['"'] |= endsPiece
	c['\\'] |= endsPiece
	return c
}()

// theTable is made when it is first needed. It has one row for each state that can be reached.
var theTable = sync.OnceValue(func() *table {
	t := new(table)
	ids := map[state]uint32{{}: 0}
	for todo := []state{{}}; len(todo) > 0; todo = todo[1:] {
		row := ids[todo[0]] << rowBits
		for c := range class(classes) {
			step := todo[0].next(c)
			id, known := ids[step.to]
			if !known {
				id = uint32(len(ids))
				ids[step.to] = id
				todo = append(todo, step.to)
			}
			sum := uint32(0)
			for _, cost := range step.costs {
				sum += costs[cost]
			}
			t[row|uint32(c)] = sum<<nextBits | id<<rowBits
		}
	}
	return t
})

// begin begins another text, which is apart from what was before.
func (x *text) begin() { x.at = 0 }

// write reads a piece of the text.
func (x *text) write(t *table, p []byte) {
	at, sum := x.at, x.sum
	for _, b := range p {
		e := t[(at|uint32(byteClasses[b]))&(rows<<rowBits-1)]
		at = e & nextMask
		sum += uint64(e >> nextBits)
	}
	x.at, x.sum = at, sum
}

// writeByte reads one byte of the text.
func (x *text) writeByte(t *table, b byte) {
	e := t[(x.at|uint32(byteClasses[b]))&(rows<<rowBits-1)]
	x.at = e & nextMask
	x.sum += uint64(e >> nextBits)
}

// writeString reads a piece of the text from the inside of a JSON string. It stops before a quote or a backslash, and returns
// how many bytes it read.
func (x *text) writeString(t *table, p []byte) int {
	at, sum := x.at, x.sum
	n := len(p)
	for i, b := range p {
		c := stringClasses[b]
		if c >= endsPiece {
			n = i
			break
		}
		e := t[(at|uint32(c))&(rows<<rowBits-1)]
		at = e & nextMask
		sum += uint64(e >> nextBits)
	}
	x.at, x.sum = at, sum
	return n
}

// Text returns an estimate of how many tokens a text has, as [Heuristic] counts it.
func Text(s string) int64 {
	var x text
	t := theTable()
	for i := range len(s) {
		x.writeByte(t, s[i])
	}
	return x.tokens()
}

// tokens returns the count so far, rounded up.
func (x *text) tokens() int64 { return int64((x.sum + 999) / 1000) }
