package llmtest

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// frame builds a frame.
func frame(kind byte, stream uint32, payload ...byte) []byte {
	var f framer
	f.send(kind, 0, stream, payload)
	return f.out
}

// code builds the payload of a RST_STREAM, or half of that of a GOAWAY.
func code(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func reset(stream, n uint32) []byte { return frame(typeReset, stream, code(n)...) }

func goAway(last uint32) []byte { return frame(typeGoAway, 0, append(code(last), code(0)...)...) }

func TestFramer(t *testing.T) {
	const internal, data, settings = 2, 0, 4
	answer := frame(typeHeaders, 1, 0x88, 0x76, 0x01, 'x')
	for name, tt := range map[string]struct{ in, want [][]byte }{
		"nothing": {},
		"passes": {
			in:   [][]byte{frame(settings, 0), answer, frame(data, 1, 'h', 'i'), reset(3, internal), goAway(5)},
			want: [][]byte{frame(settings, 0), answer, frame(data, 1, 'h', 'i'), reset(3, internal), goAway(5)},
		},
		"refused": {
			in:   [][]byte{frame(typeHeaders, 3, signalRefused), answer, reset(3, internal), reset(5, internal)},
			want: [][]byte{reset(3, codeRefused), answer, reset(5, internal)},
		},
		"protocol": {
			in:   [][]byte{frame(typeHeaders, 3, signalProtocol), reset(3, internal)},
			want: [][]byte{reset(3, codeProtocol)},
		},
		"signal before GOAWAY": {
			in:   [][]byte{frame(typeHeaders, 3, signalGoAway), answer, goAway(3), reset(3, internal)},
			want: [][]byte{answer, goAway(1)},
		},
		"GOAWAY before signal": {
			in:   [][]byte{goAway(3), frame(typeHeaders, 3, signalGoAway), reset(3, internal)},
			want: [][]byte{goAway(3), goAway(1)},
		},
		"the first stream": {
			in:   [][]byte{frame(typeHeaders, 1, signalGoAway), goAway(1), reset(1, internal)},
			want: [][]byte{goAway(0)},
		},
		"later streams": {
			in:   [][]byte{frame(typeHeaders, 1, signalGoAway), goAway(3), reset(1, internal)},
			want: [][]byte{goAway(3), reset(1, codeRefused)},
		},
		"two at once": {
			in:   [][]byte{frame(typeHeaders, 1, signalGoAway), frame(typeHeaders, 3, signalGoAway), goAway(3)},
			want: [][]byte{reset(1, codeRefused), goAway(1)},
		},
		"no signal": {
			in:   [][]byte{frame(typeHeaders, 1, 0x88), frame(typeHeaders, 3, signalRefused, 0x88), frame(typeHeaders, 5)},
			want: [][]byte{frame(typeHeaders, 1, 0x88), frame(typeHeaders, 3, signalRefused, 0x88), frame(typeHeaders, 5)},
		},
		"table size": { // 0, and then 4096, which is 31 + 0x61 + 0x1f<<7
			in:   [][]byte{frame(typeHeaders, 3, 0x20, 0x3f, 0xe1, 0x1f, signalRefused), answer, answer},
			want: [][]byte{reset(3, codeRefused), frame(typeHeaders, 1, 0x20, 0x3f, 0xe1, 0x1f, 0x88, 0x76, 0x01, 'x'), answer},
		},
	} {
		whole := bytes.Join(tt.in, nil)
		for size := 1; size <= len(whole)+1; size++ {
			if got := feed(whole, size); !bytes.Equal(got, bytes.Join(tt.want, nil)) {
				t.Errorf("%s, %d bytes at a time: %x, want %x", name, size, got, tt.want)
			}
		}
	}
}

// feed writes size bytes at a time and returns what is sent.
func feed(in []byte, size int) (out []byte) {
	var f framer
	for len(in) > 0 {
		n := min(size, len(in))
		out = append(out, f.rewrite(in[:n])...)
		in = in[n:]
	}
	return out
}

func FuzzFramer(f *testing.F) {
	f.Add(frame(typeHeaders, 3, signalRefused))
	f.Add(append(frame(typeHeaders, 3, 0x3f, 0xff, 0xff, signalGoAway), goAway(3)...))
	f.Add(append(goAway(7), frame(typeHeaders, 3, 0x20, signalProtocol)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole := feed(in, len(in)+1)
		for _, size := range []int{1, 10} {
			if got := feed(in, size); !bytes.Equal(got, whole) {
				t.Errorf("%x became %x, %d bytes at a time %x", in, whole, size, got)
			}
		}
	})
}
