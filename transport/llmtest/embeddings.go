package llmtest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
)

// openAIEmbeddings is POST .../embeddings. It has no tiers.
type openAIEmbeddings struct{ openAI }

func (openAIEmbeddings) read(x *exchange, body []byte) *flaw {
	p := &x.params
	p.provider, p.operation, p.servedTier, p.readOnly = "openai", "embeddings", untiered, true
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return notJSON()
	}
	f := scan(fields, []target{{"model", &p.model}})
	p.setContent(fields["input"])
	x.fields = fields
	if present(fields["service_tier"]) {
		f = first(f, unknownParameter("service_tier"))
	}
	return first(f, p.require("input", '[', '"'))
}

// The bodies of embeddings. The order of the fields is OpenAI's.
type (
	embeddingsBody struct {
		Object string          `json:"object"`
		Data   []embeddingBody `json:"data"`
		Model  string          `json:"model"`
		Usage  embeddingUsage  `json:"usage"`
	}
	embeddingBody struct {
		Object    string `json:"object"`
		Index     int    `json:"index"`
		Embedding any    `json:"embedding"`
	}
	embeddingUsage struct {
		Prompt int64 `json:"prompt_tokens"`
		Total  int64 `json:"total_tokens"`
	}
)

func (openAIEmbeddings) work(x *exchange) answer {
	g := x.bill("embd-")
	b := embeddingsBody{Object: "list", Model: g.Model, Usage: embeddingUsage{g.Prompt, g.Prompt}}
	var format string
	_ = json.Unmarshal(x.fields["encoding_format"], &format) // anything but a string means floats
	for i, input := range inputs(x.params.content) {
		v := vector(input, dimensions(x.fields["dimensions"]))
		one := embeddingBody{Object: "embedding", Index: i, Embedding: v}
		if format == "base64" {
			one.Embedding = packed(v)
		}
		b.Data = append(b.Data, one)
	}
	return answer{body: append(indented(encode(b)), '\n')}
}

func (openAIEmbeddings) setHeader(x *exchange, h http.Header, status int) {
	openAI{}.setHeader(x, h, status)
	if status == http.StatusOK {
		h.Set("Openai-Model", x.params.model)
	}
}

// inputs splits an input into the parts that get an embedding each. These are the
// elements of an array, unless they are numbers, which are the tokens of one text.
func inputs(raw json.RawMessage) []json.RawMessage {
	var many []json.RawMessage
	if json.Unmarshal(raw, &many) != nil || len(many) == 0 {
		return []json.RawMessage{raw}
	}
	if c := many[0][0]; c == '-' || c >= '0' && c <= '9' {
		return []json.RawMessage{raw}
	}
	return many
}

// dimensions returns how many numbers an embedding has: as many as were asked for, or 8.
func dimensions(raw json.RawMessage) int {
	n := 0
	if json.Unmarshal(raw, &n) != nil || n < 1 || n > 4096 {
		return 8
	}
	return n
}

// vector returns an embedding: n numbers that depend only on the input.
func vector(raw []byte, n int) []float32 {
	seed := fold(fingerprint(raw))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(draw(seed, uint64(i))%20001)/100000 - 0.1
	}
	return v
}

// packed returns a vector in base64.
func packed(v []float32) string {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}
