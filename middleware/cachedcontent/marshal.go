package cachedcontent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The shapes of a request, in the order of Google's own SDKs.
type (
	createBody struct {
		Model       string          `json:"model"`
		DisplayName string          `json:"displayName,omitempty"`
		System      *turnBody       `json:"systemInstruction,omitempty"`
		Tools       json.RawMessage `json:"tools,omitempty"`
		ToolConfig  json.RawMessage `json:"toolConfig,omitempty"`
		Contents    []turnBody      `json:"contents,omitempty"`
		Encryption  *encryptionBody `json:"encryptionSpec,omitempty"`
		expiryBody
	}
	expiryBody struct {
		TTL        string `json:"ttl,omitempty"`
		ExpireTime string `json:"expireTime,omitempty"`
	}
	encryptionBody struct {
		Key string `json:"kmsKeyName"`
	}
	turnBody struct {
		Role  string            `json:"role,omitempty"`
		Parts []json.RawMessage `json:"parts"`
	}
	partBody struct {
		Text   string    `json:"text,omitempty"`
		Inline *dataBody `json:"inlineData,omitempty"`
		File   *fileBody `json:"fileData,omitempty"`
	}
	dataBody struct {
		MIMEType string `json:"mimeType"`
		Data     []byte `json:"data"`
	}
	fileBody struct {
		MIMEType string `json:"mimeType,omitempty"`
		URI      string `json:"fileUri"`
	}
)

// marshal returns the body of a request that creates a cache. model is the model's name as the API wants it. The content is
// valid.
func (c *Content) marshal(model string) ([]byte, error) {
	body := createBody{
		Model: model, DisplayName: c.DisplayName, Tools: c.Tools, ToolConfig: c.ToolConfig,
		expiryBody: expiryOf(c.TTL, c.ExpireTime),
	}
	if c.KMSKey != "" {
		body.Encryption = &encryptionBody{c.KMSKey}
	}
	if len(c.System) > 0 {
		system, err := marshalTurn("", c.System)
		if err != nil {
			return nil, err
		}
		body.System = &system
	}
	for _, t := range c.Turns {
		role := t.Role
		if role == "" {
			role = "user"
		}
		turn, err := marshalTurn(role, t.Parts)
		if err != nil {
			return nil, err
		}
		body.Contents = append(body.Contents, turn)
	}
	return encode(body)
}

// marshalTurn returns a turn as it is sent.
func marshalTurn(role string, parts []Part) (turnBody, error) {
	t := turnBody{Role: role}
	for _, p := range parts {
		raw := p.Raw
		if raw == nil {
			var err error
			if raw, err = encode(p.body()); err != nil {
				return t, err
			}
		}
		t.Parts = append(t.Parts, raw)
	}
	return t, nil
}

// body returns a part as it is sent.
func (p *Part) body() partBody {
	switch {
	case p.Data != nil:
		return partBody{Inline: &dataBody{p.MIMEType, p.Data}}
	case p.FileURI != "":
		return partBody{File: &fileBody{p.MIMEType, p.FileURI}}
	}
	return partBody{Text: p.Text}
}

// expiryOf returns the expiry of a cache as it is sent.
func expiryOf(ttl time.Duration, at time.Time) (b expiryBody) {
	switch {
	case ttl > 0:
		b.TTL = strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%09d", ttl/time.Second, ttl%time.Second), "0"), ".") + "s"
	case !at.IsZero():
		b.ExpireTime = at.UTC().Format(time.RFC3339Nano)
	}
	return b
}

// encode returns v as JSON. Unlike json.Marshal it leaves <, > and & alone, so that text is not longer than it was.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// isObject reports whether a document is a JSON object.
func isObject(doc []byte) bool {
	doc = bytes.TrimSpace(doc)
	return len(doc) > 0 && doc[0] == '{' && json.Valid(doc)
}

// isArray reports whether a document is a JSON array.
func isArray(doc []byte) bool {
	doc = bytes.TrimSpace(doc)
	return len(doc) > 0 && doc[0] == '[' && json.Valid(doc)
}
