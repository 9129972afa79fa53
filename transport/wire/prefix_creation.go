package wire

import "slices"

// TextOnly reports whether only text can be in a cache: on Google's OpenAI-compatible APIs, it is not known how tools and media
// are translated.
func (s *PrefixShape) TextOnly() bool { return s.textOnly }

// ReadCreation reads the prefix in the body of a request that creates a context cache of the Gemini API or of Vertex AI. A
// request for an answer that begins with the same has the same elements.
func ReadCreation(body []byte) *Prefix {
	r := NewPrefixReader(generatePrefix)
	defer r.Release()
	r.Write(body)
	return r.Prefix().Clone()
}

// Clone returns a copy that stays valid after [PrefixReader.Release].
func (p *Prefix) Clone() *Prefix {
	c := *p
	c.Elements = slices.Clone(p.Elements)
	return &c
}
