package redis

import (
	"encoding/binary"
	"math"
)

// A packer makes the argument of a script: numbers and texts, in MessagePack, one after the other. A script reads them with a
// single call. The zero packer is empty.
type packer struct{ b []byte }

// newPacker returns a packer with room for the values of a usual attempt.
func newPacker() packer { return packer{make([]byte, 0, 320)} }

func (p *packer) ints(values ...int64) {
	for _, v := range values {
		switch {
		case v >= 0 && v < 128:
			p.b = append(p.b, byte(v))
		case v >= 0 && v <= 0xffff:
			p.b = binary.BigEndian.AppendUint16(append(p.b, 0xcd), uint16(v))
		default:
			p.b = binary.BigEndian.AppendUint64(append(p.b, 0xd3), uint64(v))
		}
	}
}

func (p *packer) text(s string) {
	switch {
	case len(s) < 32:
		p.b = append(p.b, 0xa0|byte(len(s)))
	case len(s) < 256:
		p.b = append(p.b, 0xd9, byte(len(s)))
	default:
		p.b = binary.BigEndian.AppendUint16(append(p.b, 0xda), uint16(len(s)))
	}
	p.b = append(p.b, s...)
}

// size returns how many bytes the first number of b takes; 0 if it is none.
func size(b string) int {
	if len(b) == 0 {
		return 0
	}
	switch c := b[0]; {
	case c < 0x80 || c >= 0xe0:
		return 1
	case c == 0xcc || c == 0xd0:
		return 2
	case c == 0xcd || c == 0xd1:
		return 3
	case c == 0xca || c == 0xce || c == 0xd2:
		return 5
	case c == 0xcb || c == 0xcf || c == 0xd3:
		return 9
	}
	return 0
}

// number returns the number that b is.
func number(b string) int64 {
	if len(b) == 1 {
		return int64(int8(b[0]))
	}
	var n uint64
	for i := 1; i < len(b); i++ {
		n = n<<8 | uint64(b[i])
	}
	switch b[0] {
	case 0xca:
		return int64(math.Float32frombits(uint32(n)))
	case 0xcb:
		return int64(math.Float64frombits(n))
	case 0xd0:
		return int64(int8(n))
	case 0xd1:
		return int64(int16(n))
	case 0xd2:
		return int64(int32(n))
	}
	return int64(n)
}

// textSize returns where the text begins that is the first value of b, and how long it is; 0 if it is none.
func textSize(b string) (start, n int) {
	switch {
	case len(b) == 0:
	case b[0]&0xe0 == 0xa0:
		return 1, int(b[0] & 0x1f)
	case b[0] == 0xd9 && len(b) > 1:
		return 2, int(b[1])
	case b[0] == 0xda && len(b) > 2:
		return 3, int(b[1])<<8 | int(b[2])
	}
	return 0, 0
}
