package tokens

import (
	"bytes"
)

// A medium is a kind of media.
type medium uint8

const (
	noMedium medium = iota
	image
	audio
	wave // audio that is not compressed
	video
	document  // a PDF, or any other
	plainText // text, in base64
	mediums
)

// media is what a request has of each kind.
type media [mediums]struct {
	count int64
	bytes int64 // decoded, of those that are in the request
}

// add adds a medium of so many bytes; of 0 if it is not in the request.
func (m *media) add(kind medium, size int64) {
	m[kind].count++
	m[kind].bytes += size
}

// How long a medium is, by its size: assumptions.
const (
	audioRate = 12_000  // bytes of compressed audio a second: 96 kbit/s
	waveRate  = 48_000  // of 24 kHz, 16 bits, one channel
	videoRate = 150_000 // 1.2 Mbit/s
	pageSize  = 50_000  // bytes of a page
	textRate  = 4       // bytes of a token
)

// remoteSizes are the sizes of media that are not in the request: assumptions, of half a minute and of ten pages.
var remoteSizes = [mediums]int64{audio: 30 * audioRate, video: 30 * videoRate, document: 10 * pageSize}

// mediumOfURL returns the kind of a data URL, as its media type says.
func mediumOfURL(url []byte) medium { return mediumOfType(bytes.TrimPrefix(url, []byte("data:"))) }

// mediumOfType returns the kind of a media type, or of the name of a format.
func mediumOfType(name []byte) medium {
	has := func(prefix string) bool { return bytes.HasPrefix(name, []byte(prefix)) }
	switch {
	case has("image/"):
		return image
	case has("audio/wav"), has("audio/x-wav"), has("audio/l16"), has("audio/pcm"), string(name) == "wav", has("pcm"):
		return wave
	case has("audio/"), string(name) == "mp3":
		return audio
	case has("video/"):
		return video
	case has("text/"):
		return plainText
	case has("application/"):
		return document
	}
	return noMedium
}

// signatures are how files of each kind begin, in base64.
var signatures = [...]struct {
	begin string
	kind  medium
}{
	{"iVBORw0KGgo", image}, {"/9j/", image}, {"R0lGOD", image}, {"Qk0", image}, {"SUkqA", image}, {"JVBERi", document}, {"UEsDB", document},
	{"SUQz", audio}, {"//u", audio}, {"//N", audio}, {"//Q", audio}, {"T2dnU", audio}, {"ZkxhQ", audio},
	{"AAAAGGZ0eX", video}, {"AAAAHGZ0eX", video}, {"AAAAIGZ0eX", video}, {"GkXfo", video},
}

// mediumOfFile returns the kind of a file by how it begins, in base64.
func mediumOfFile(b []byte) medium {
	for i := range signatures {
		if bytes.HasPrefix(b, []byte(signatures[i].begin)) {
			return signatures[i].kind
		}
	}
	if bytes.HasPrefix(b, []byte("UklGR")) { // RIFF, a length, and WAVE or WEBP
		if len(b) >= 16 && string(b[11:16]) == "XQVZF" {
			return wave
		}
		return image
	}
	return noMedium
}

// isBase64 reports whether a string may be base64, by its beginning.
func isBase64(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '/', c == '-', c == '_', c == '=':
		default:
			return false
		}
	}
	return len(b) > 0
}
