package middleware

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// This file makes the request that creates a cache of what a call repeats, from the call's own request.

// maxCreation is how long such a request is at most, in bytes. Google takes 20 MB in a request (its page on files, 2026).
const maxCreation = 20 << 20

// creationBody returns the request that creates a cache of the prefix with the first turns, without its time to live.
func (c *call) creationBody(turns int) ([]byte, error) {
	p := c.prefix.prefix
	taken := slices.Concat(p.Head(), p.Turns()[:turns])
	slices.SortFunc(taken, func(a, b wire.Element) int { return cmp.Compare(a.Bytes.From, b.Bytes.From) })
	size := 0
	for i := range taken {
		size += taken[i].Bytes.To - taken[i].Bytes.From
	}
	if size > maxCreation {
		return nil, fmt.Errorf("it has %d bytes, and a context cache is created with at most %d: upload what is long as a file", size, maxCreation)
	}
	parts := picker{elements: taken, parts: make([][]byte, len(taken))}
	if !c.body.Copy(&parts) {
		return nil, errors.New("the request's body cannot be read again")
	}
	_, model, _ := c.wire.CachePath(c.request.URL.Path)
	if c.wire.Prefix.TextOnly() {
		return chatCreation(model, taken, parts.parts)
	}
	return nativeCreation(model, taken, parts.parts), nil
}

// A picker keeps elements of a body that is written to it. They are in the order of the body, and do not overlap.
type picker struct {
	elements []wire.Element
	parts    [][]byte
	next     int // the element that is not complete yet
	at       int // the offset of what is written next
}

func (p *picker) Write(b []byte) (int, error) {
	for p.next < len(p.elements) {
		r := p.elements[p.next].Bytes
		from, to := max(r.From-p.at, 0), min(r.To-p.at, len(b))
		if from >= len(b) {
			break
		}
		p.parts[p.next] = append(p.parts[p.next], b[from:to]...)
		if r.To > p.at+len(b) {
			break
		}
		p.next++
	}
	p.at += len(b)
	return len(b), nil
}

// nativeCreation writes the creation in the form in which the elements are.
func nativeCreation(model string, elements []wire.Element, parts [][]byte) []byte {
	var b, turns bytes.Buffer
	fmt.Fprintf(&b, `{"model":%q`, model)
	for i := range elements {
		switch elements[i].Kind {
		case wire.ToolsElement:
			b.WriteString(`,"tools":`)
		case wire.ToolConfigElement:
			b.WriteString(`,"toolConfig":`)
		case wire.SystemElement:
			b.WriteString(`,"systemInstruction":`)
		default:
			if turns.Len() > 0 {
				turns.WriteByte(',')
			}
			turns.Write(parts[i])
			continue
		}
		b.Write(parts[i])
	}
	if turns.Len() > 0 {
		fmt.Fprintf(&b, `,"contents":[%s]`, turns.Bytes())
	}
	b.WriteByte('}')
	return b.Bytes()
}

// chatCreation translates the messages of a chat, which are text.
func chatCreation(model string, elements []wire.Element, parts [][]byte) ([]byte, error) {
	type text struct {
		Text string `json:"text"`
	}
	type content struct {
		Role  string `json:"role,omitempty"`
		Parts []text `json:"parts"`
	}
	creation := struct {
		Model    string    `json:"model"`
		System   *content  `json:"systemInstruction,omitempty"`
		Contents []content `json:"contents,omitempty"`
	}{Model: model}
	for i := range elements {
		var message struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		}
		if err := json.Unmarshal(parts[i], &message); err != nil {
			return nil, errors.New("a message cannot be read")
		}
		var texts []text
		var one string
		if json.Unmarshal(message.Content, &one) == nil {
			texts = []text{{one}}
		} else if json.Unmarshal(message.Content, &texts) != nil || len(texts) == 0 {
			return nil, errors.New("a message is not text")
		}
		switch message.Role {
		case "system", "developer":
			if creation.System == nil {
				creation.System = new(content)
			}
			creation.System.Parts = append(creation.System.Parts, texts...)
		case "user":
			creation.Contents = append(creation.Contents, content{"user", texts})
		case "assistant":
			creation.Contents = append(creation.Contents, content{"model", texts})
		default:
			return nil, fmt.Errorf("a message has the role %q", message.Role)
		}
	}
	return json.Marshal(creation)
}
