package transporttest

import (
	"encoding/binary"
	"io"
	"net"
)

// The parts of HTTP/2 that a server needs to refuse streams. net/http's own server cannot be made to do so.
const (
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

	frameData, frameHeaders, frameReset, frameSettings, frameGoAway, frameWindow = 0, 1, 3, 4, 7, 8

	flagAck, flagEndStream, flagEndHeaders = 1, 1, 4

	codeRefusedStream = 7

	status200 = 0x88 // ":status: 200" of HPACK's static table
)

// A framer reads and writes the frames of a connection.
type framer struct{ conn net.Conn }

func (f framer) write(kind, flags byte, stream uint32, payload ...byte) error {
	head := make([]byte, 9, 9+len(payload))
	binary.BigEndian.PutUint32(head, uint32(len(payload))<<8|uint32(kind))
	head[4] = flags
	binary.BigEndian.PutUint32(head[5:], stream)
	_, err := f.conn.Write(append(head, payload...))
	return err
}

func (f framer) read() (kind, flags byte, stream uint32, payload []byte, err error) {
	var head [9]byte
	if _, err = io.ReadFull(f.conn, head[:]); err != nil {
		return
	}
	payload = make([]byte, binary.BigEndian.Uint32(head[:])>>8)
	_, err = io.ReadFull(f.conn, payload)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]) &^ (1 << 31), payload, err
}

func word(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// A refuser is an HTTP/2 server that refuses some streams, and answers the others with 200.
type refuser struct {
	streams int                      // that have arrived
	refuse  func(n int) (how byte)   // frameReset, frameGoAway or 0, for the n-th stream, after its body has arrived
	arrived func(n int, body []byte) // called with each body that was answered
}

// serve serves one connection.
func (r *refuser) serve(conn net.Conn) {
	defer conn.Close()
	f := framer{conn}
	if _, err := io.ReadFull(conn, make([]byte, len(preface))); err != nil {
		return
	}
	out := make(chan func() error, 100)
	defer close(out)
	go func() { // because reading must go on while a write waits for the client
		for write := range out {
			if write() != nil {
				conn.Close()
			}
		}
	}()
	send := func(kind, flags byte, stream uint32, payload ...byte) {
		out <- func() error { return f.write(kind, flags, stream, payload...) }
	}
	send(frameSettings, 0, 0)
	bodies := make(map[uint32][]byte)
	for {
		kind, flags, stream, payload, err := f.read()
		if err != nil {
			return
		}
		switch {
		case kind == frameSettings && flags&flagAck == 0:
			send(frameSettings, flagAck, 0)
		case kind == frameData && len(payload) > 0:
			bodies[stream] = append(bodies[stream], payload...)
			send(frameWindow, 0, 0, word(uint32(len(payload)))...)
		}
		if kind != frameData && kind != frameHeaders || flags&flagEndStream == 0 {
			continue
		}
		n := r.streams
		r.streams++
		switch r.refuse(n) {
		case frameReset:
			send(frameReset, 0, stream, word(codeRefusedStream)...)
		case frameGoAway:
			send(frameGoAway, 0, 0, append(word(stream-1), word(0)...)...)
		default:
			r.arrived(n, bodies[stream])
			send(frameHeaders, flagEndHeaders|flagEndStream, stream, status200)
		}
	}
}
