package llmtest

import (
	"encoding/json"
	"strings"
)

// embedContent is the methods embedContent and batchEmbedContents. The response has a
// usage only with the newest models.
type embedContent struct {
	google
	model string
	batch bool
}

func (c embedContent) read(x *exchange, body []byte) *flaw {
	c.readPath(x, "embedContent", c.model)
	x.params.readOnly = true
	fields, f := protoFields(body, nil)
	key := "content"
	if c.batch {
		key = "requests"
	}
	x.params.setContent(fields[key])
	x.fields = fields
	switch {
	case f != nil:
		return f
	case !present(fields[key]):
		return unspecified("EmbedContentRequest", key)
	case c.batch != (fields[key][0] == '['):
		return badValue(key)
	}
	return nil
}

// The bodies of embeddings.
type (
	embeddingValues struct {
		Values []float32 `json:"values"`
	}
	embedBody struct {
		One   *embeddingValues  `json:"embedding,omitempty"`
		Many  []embeddingValues `json:"embeddings,omitempty"`
		Usage *embedUsage       `json:"usageMetadata,omitempty"`
	}
	embedUsage struct {
		Prompt  int64      `json:"promptTokenCount"`
		Details []modality `json:"promptTokenDetails"`
	}
)

func (c embedContent) work(x *exchange) answer {
	g := x.bill("embed-")
	var b embedBody
	if strings.HasPrefix(c.model, "gemini-embedding-2") {
		b.Usage = &embedUsage{g.Prompt, modalities(g.Prompt, false)}
	}
	if !c.batch {
		b.One = &embeddingValues{vector(x.params.content, dimensions(x.fields["outputDimensionality"]))}
	} else {
		var requests []json.RawMessage
		_ = json.Unmarshal(x.params.content, &requests) // read has seen that it is an array
		for _, r := range requests {
			fields, _ := protoFields(r, nil)
			b.Many = append(b.Many, embeddingValues{vector(r, dimensions(fields["outputDimensionality"]))})
		}
	}
	return answer{body: append(indented(encode(b)), '\n')}
}
