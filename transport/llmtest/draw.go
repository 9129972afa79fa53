package llmtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// draw returns the n-th number of the sequence with the given seed (SplitMix64). Within
// a sequence all numbers are different, so they can serve as ids.
func draw(seed, n uint64) uint64 {
	return mix(mix(seed) + n*0x9e3779b97f4a7c15)
}

// mix is the output function of SplitMix64, a bijection.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// drawID returns the n-th id with the prefix.
func drawID(seed uint64, prefix string, n int) string {
	return fmt.Sprintf("%s%016x", prefix, draw(seed^uint64(len(prefix)), uint64(n)))
}

// fingerprint returns the SHA-256 of raw in hex.
func fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// fold returns the first 8 bytes of a fingerprint as a number.
func fold(fingerprint string) uint64 {
	sum, err := hex.DecodeString(fingerprint)
	if err != nil || len(sum) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(sum)
}

// padding returns one to fourteen characters. OpenAI adds them to each chunk to hide its
// length.
func padding(seed, n uint64) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	bits := draw(seed, n)
	b := make([]byte, 1+bits%14)
	for i := range b {
		bits = mix(bits)
		b[i] = letters[bits%uint64(len(letters))]
	}
	return string(b)
}
