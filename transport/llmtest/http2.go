package llmtest

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"slices"
)

// plainHTTP2 is HTTP/2 without encryption, and nothing else.
func plainHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// breakOff ends the request without a byte of an answer, as the fault says.
func (x *exchange) breakOff() {
	if status, ok := signals[x.fault]; ok && x.r.ProtoMajor == 2 {
		x.signal(status)
	}
	x.reset()
}

// signals are the statuses that stand for the ends of a stream. They never reach
// the client: a handler has no other way to tell its wire which stream is its own
// than to write on it. HPACK puts each into one byte that is the same on every
// connection, and no real answer is that short.
var signals = map[Fault]int{
	RefusedStream:          http.StatusNoContent,
	GoAway:                 http.StatusPartialContent,
	ProtocolError:          http.StatusNotModified,
	ProtocolErrorAfterWork: http.StatusNotModified,
}

// The same statuses as HPACK has them.
const (
	signalRefused  = 0x80 | 9
	signalGoAway   = 0x80 | 10
	signalProtocol = 0x80 | 11
)

// signal sends a status without a header to the wire, and ends the exchange.
func (x *exchange) signal(status int) {
	h := x.w.Header()
	clear(h)
	h["Date"] = nil // so that net/http adds none
	if status == http.StatusPartialContent {
		// net/http answers it with a GOAWAY of its own, takes no new streams, and
		// closes the connection when the old ones are done.
		h.Set("Connection", "close")
	}
	x.w.WriteHeader(status)
	_ = http.NewResponseController(x.w).Flush()
	x.abort()
}

// The parts of HTTP/2 that the wire has to do with.
const (
	frameHead = 9

	typeHeaders = 0x1
	typeReset   = 0x3
	typeGoAway  = 0x7

	codeProtocol = 0x1
	codeRefused  = 0x7
)

// framer looks through the frames that the server writes, and turns the signals
// among them into what they stand for.
type framer struct {
	in  []byte // of a frame that is not complete yet
	out []byte

	// muted are the streams that have ended for the client, and not yet for the
	// server.
	muted map[uint32]bool
	// leaving are the streams that the server is about to send a GOAWAY for, and
	// last is the last stream of the GOAWAY that it has sent; 0: none.
	leaving []uint32
	last    uint32
	// owed is what a signal brought for the header table of the client. The next
	// header block begins with it.
	owed []byte
}

// pass takes what the server writes, in pieces of any size, and returns what is to
// be sent, which is valid until the next call.
func (f *framer) pass(p []byte) []byte {
	f.in = append(f.in, p...)
	f.out = f.out[:0]
	rest := f.in
	for len(rest) >= frameHead {
		size := frameHead + int(rest[0])<<16 + int(rest[1])<<8 + int(rest[2])
		if len(rest) < size {
			break
		}
		f.frame(rest[3], rest[4], binary.BigEndian.Uint32(rest[5:]), rest[frameHead:size])
		rest = rest[size:]
	}
	f.in = append(f.in[:0], rest...)
	return f.out
}

// frame passes a frame on, or what it was turned into.
func (f *framer) frame(kind, flags byte, stream uint32, payload []byte) {
	switch {
	case f.muted[stream]:
		if kind == typeReset {
			delete(f.muted, stream)
		}
		return
	case kind == typeHeaders:
		if updates, signal := readSignal(payload); signal != 0 {
			f.owed = append(f.owed, updates...)
			f.end(stream, signal)
			return
		}
		payload = append(f.owed, payload...)
		f.owed = nil
	case kind == typeGoAway && len(payload) >= 4:
		f.last = binary.BigEndian.Uint32(payload)
		if !slices.Contains(f.leaving, f.last) {
			f.add(kind, flags, stream, payload)
		}
		for _, left := range f.leaving {
			f.leave(left)
		}
		f.leaving = nil
		return
	}
	f.add(kind, flags, stream, payload)
}

// end ends a stream as the signal says.
func (f *framer) end(stream uint32, signal byte) {
	if f.muted == nil {
		f.muted = map[uint32]bool{}
	}
	f.muted[stream] = true
	switch {
	case signal == signalRefused:
		f.reset(stream, codeRefused)
	case signal == signalProtocol:
		f.reset(stream, codeProtocol)
	case f.last == 0:
		f.leaving = append(f.leaving, stream)
	default:
		f.leave(stream)
	}
}

// leave tells the client that the server goes away without having done anything
// for the stream. The streams after it may have been worked on, which a GOAWAY must
// not deny: where there are any, the stream is refused on its own.
func (f *framer) leave(stream uint32) {
	if f.last != stream {
		f.reset(stream, codeRefused)
		return
	}
	payload := make([]byte, 8) // the last four bytes say NO_ERROR
	binary.BigEndian.PutUint32(payload, max(stream, 2)-2)
	f.add(typeGoAway, 0, 0, payload)
}

func (f *framer) reset(stream, code uint32) {
	f.add(typeReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
}

// add puts a frame into what is to be sent.
func (f *framer) add(kind, flags byte, stream uint32, payload []byte) {
	n := len(payload)
	f.out = append(f.out, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	f.out = binary.BigEndian.AppendUint32(f.out, stream)
	f.out = append(f.out, payload...)
}

// readSignal returns the signal that a header block is, or 0, and the changes to
// the size of the header table before it.
func readSignal(block []byte) (updates []byte, signal byte) {
	n := 0
	for n < len(block) && block[n]>>5 == 1 {
		more := block[n]&0x1f == 0x1f
		for n++; more && n < len(block); n++ {
			more = block[n]&0x80 != 0
		}
	}
	if n != len(block)-1 || bytes.IndexByte([]byte{signalRefused, signalGoAway, signalProtocol}, block[n]) < 0 {
		return nil, 0
	}
	return block[:n], block[n]
}
