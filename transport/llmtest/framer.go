package llmtest

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A handler of net/http cannot choose the error code with which its HTTP/2 stream ends. To
// do so it answers with one of three statuses and no header. The framer, which sees all
// frames that the server writes, recognises them and sends a RST_STREAM or a GOAWAY
// instead. A signal never reaches the client, and no real response looks like one: HPACK
// encodes each of the three as a single byte that is the same on every connection. The
// frame of the signal "refused" for stream 5 is
//
//	00 00 01  01  04  00 00 00 05  89
//	length 1, HEADERS, END_HEADERS, stream 5, ":status: 204"
//
// and what is sent instead is
//
//	00 00 04  03  00  00 00 00 05  00 00 00 07
//	length 4, RST_STREAM, no flags, stream 5, REFUSED_STREAM
const (
	signalRefused  = 0x80 | 9  // 204
	signalGoAway   = 0x80 | 10 // 206
	signalProtocol = 0x80 | 11 // 304
)

// The parts of HTTP/2 that the framer needs (RFC 9113, sections 4.1, 6 and 7).
const (
	frameHeadSize = 9

	typeHeaders = 0x1
	typeReset   = 0x3
	typeGoAway  = 0x7

	codeProtocol = 0x1
	codeRefused  = 0x7
)

// framer replaces the signals in what the server writes to one connection. Its zero value
// is ready for use. net/http writes to a connection from one goroutine at a time.
type framer struct {
	in  []byte // the beginning of a frame that is not complete yet
	out []byte

	// ended are the streams that have ended for the client, but not yet for the server.
	ended map[uint32]bool
	// goingAway are the streams for which the server will send a GOAWAY. last is the last
	// stream of the GOAWAY that it sent; 0: none.
	goingAway []uint32
	last      uint32
	// tableUpdates are the changes to the client's header table that came with a signal.
	// The next header block must begin with them.
	tableUpdates []byte
}

// rewrite takes what the server writes, in pieces of any size, and returns what is to be
// sent. The result is valid until the next call.
func (f *framer) rewrite(p []byte) []byte {
	f.in = append(f.in, p...)
	f.out = f.out[:0]
	rest := f.in
	for len(rest) >= frameHeadSize {
		size := frameHeadSize + int(rest[0])<<16 + int(rest[1])<<8 + int(rest[2])
		if len(rest) < size {
			break
		}
		f.frame(rest[3], rest[4], binary.BigEndian.Uint32(rest[5:]), rest[frameHeadSize:size])
		rest = rest[size:]
	}
	f.in = append(f.in[:0], rest...)
	return f.out
}

// frame sends a frame, or what replaces it.
func (f *framer) frame(kind, flags byte, stream uint32, payload []byte) {
	switch {
	case f.ended[stream]:
		if kind == typeReset {
			delete(f.ended, stream)
		}
		return
	case kind == typeHeaders:
		if updates, signal := readSignal(payload); signal != 0 {
			f.tableUpdates = append(f.tableUpdates, updates...)
			f.end(stream, signal)
			return
		}
		payload = append(f.tableUpdates, payload...)
		f.tableUpdates = nil
	case kind == typeGoAway && len(payload) >= 4:
		f.last = binary.BigEndian.Uint32(payload)
		if !slices.Contains(f.goingAway, f.last) {
			f.send(kind, flags, stream, payload)
		}
		for _, stream := range f.goingAway {
			f.goAway(stream)
		}
		f.goingAway = nil
		return
	}
	f.send(kind, flags, stream, payload)
}

// end ends a stream as the signal says.
func (f *framer) end(stream uint32, signal byte) {
	if f.ended == nil {
		f.ended = map[uint32]bool{}
	}
	f.ended[stream] = true
	switch {
	case signal == signalRefused:
		f.reset(stream, codeRefused)
	case signal == signalProtocol:
		f.reset(stream, codeProtocol)
	case f.last == 0:
		f.goingAway = append(f.goingAway, stream)
	default:
		f.goAway(stream)
	}
}

// goAway sends a GOAWAY that excludes the stream, which was not processed. It must not exclude
// later streams, which may have been processed. If there are any, the stream gets a
// REFUSED_STREAM instead.
func (f *framer) goAway(stream uint32) {
	if f.last != stream {
		f.reset(stream, codeRefused)
		return
	}
	payload := make([]byte, 8) // the last four bytes are the code NO_ERROR
	binary.BigEndian.PutUint32(payload, max(stream, 2)-2)
	f.send(typeGoAway, 0, 0, payload)
}

func (f *framer) reset(stream, code uint32) {
	f.send(typeReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
}

// send appends a frame to the output.
func (f *framer) send(kind, flags byte, stream uint32, payload []byte) {
	n := len(payload)
	f.out = append(f.out, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	f.out = binary.BigEndian.AppendUint32(f.out, stream)
	f.out = append(f.out, payload...)
}

// readSignal returns the signal that a header block is, or 0, and the changes to the size
// of the header table that come before it (RFC 7541, section 6.3).
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
