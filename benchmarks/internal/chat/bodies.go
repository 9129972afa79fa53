// Package chat makes the chat completions that the benchmarks send, and the streams that answer them: the same ones in
// every run.
package chat

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
)

// Member is what is put into a body: the tier, as a member of the request's object.
const (
	Name   = "service_tier"
	Value  = `"flex"`
	Member = `"` + Name + `":` + Value
)

const (
	head = `{"model":"gpt-5","max_completion_tokens":256,"messages":[{"role":"system","content":"Be brief."}`
	tail = `]}`
)

// Prose returns a request of about size bytes: a conversation about texts and code, its messages of some hundred bytes
// to some kilobytes, with the line breaks, quotes and tabs that JSON has to escape.
func Prose(size int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	var b bytes.Buffer
	b.Grow(size + 4<<10)
	b.WriteString(head)
	roles := [...]string{"user", "assistant"}
	for n := 0; b.Len() < size-len(tail)-64; n++ {
		length := min(200+rng.IntN(3800), size-b.Len())
		text, err := json.Marshal(prose(rng, length))
		if err != nil {
			panic(err) // a string always has a JSON
		}
		b.WriteString(`,{"role":"` + roles[n%2] + `","content":`)
		b.Write(text)
		b.WriteByte('}')
	}
	b.WriteString(tail)
	return b.Bytes()
}

var words = strings.Fields(`the a penny saved is earned by those who read what they are charged for before it is spent and
	count every token of prompt context answer reason function returns error value while charge order amount server
	request again after nine seconds client phone train tunnel customer twice because nobody kept an idempotent key so
	retry was billed look at line forty of file where loop begins tests pass but logs show another story in production`)

// prose returns a text of about the given length.
func prose(rng *rand.Rand, length int) string {
	var b strings.Builder
	for b.Len() < length {
		switch n := rng.IntN(20); n {
		case 0: // a line of code
			b.WriteString("\n\tif err := charge(ctx, \"" + words[rng.IntN(len(words))] + "\"); err != nil {\n\t\treturn err\n\t}\n")
		case 1:
			b.WriteString("\n\n")
		case 2, 3:
			b.WriteString("\"" + words[rng.IntN(len(words))] + " " + words[rng.IntN(len(words))] + "\" ")
		default:
			for range 4 + rng.IntN(8) {
				b.WriteString(words[rng.IntN(len(words))])
				b.WriteByte(' ')
			}
			b.WriteString("so it is.\n"[:9+rng.IntN(2)])
		}
	}
	return b.String()
}

// Image returns a request of about size bytes, nearly all of them an image in base64.
func Image(size int) []byte {
	const before = head + `,{"role":"user","content":[{"type":"text","text":"What does it say?"},` +
		`{"type":"image_url","image_url":{"url":"data:image/png;base64,`
	const after = `"}}]}` + tail
	pixels := make([]byte, max(3, (size-len(before)-len(after))/4*3))
	chacha := rand.NewChaCha8([32]byte{1})
	chacha.Read(pixels)
	b := append(make([]byte, 0, size+8), before...)
	b = base64.StdEncoding.AppendEncode(b, pixels)
	return append(b, after...)
}
