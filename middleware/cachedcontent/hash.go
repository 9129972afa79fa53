package cachedcontent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// A Hash stands for what is in a content: its tools, tool configuration, system instruction and turns. It says nothing about
// them. Model, display name, time to live and key are not part of it.
type Hash [sha256.Size]byte

// String returns the hash in hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// HashOf returns the hash of the elements of a prefix, in their order. Each kind counts, so that a system instruction is not
// the same as a turn of that text.
func HashOf(elements []wire.Element) (hash Hash) {
	h := sha256.New()
	for i := range elements {
		_, _ = h.Write([]byte{byte(elements[i].Kind)}) // a hash never fails
		_, _ = h.Write(elements[i].Digest[:])
	}
	h.Sum(hash[:0])
	return hash
}

// Hash returns the content's hash. Contents that differ only in the layout of their JSON, such as the order of a tool's
// members, have the same hash. It fails if the content is invalid for the client's provider.
func (c *Client) Hash(content Content) (Hash, error) {
	elements, err := c.Elements(content)
	if err != nil {
		return Hash{}, err
	}
	return HashOf(elements), nil
}

// Elements returns the elements of a content as package wire reads them in the requests of a program: a request begins with
// the content if the elements of its prefix do. Their ranges are those in [Client.Body].
func (c *Client) Elements(content Content) ([]wire.Element, error) {
	body, err := c.body(&content)
	if err != nil {
		return nil, err
	}
	if generate == nil {
		return nil, errors.New("cachedcontent: hash: package wire reads no prefix")
	}
	r := wire.NewPrefixReader(generate)
	defer r.Release()
	_, _ = r.Write(body) // it never fails
	prefix := r.Prefix()
	if prefix.Problem != "" {
		return nil, fmt.Errorf("cachedcontent: hash: %s", prefix.Problem)
	}
	return slices.Clone(prefix.Elements), nil
}

// Body returns the body of the request by which [Client.Create] creates a cache of the content.
func (c *Client) Body(content Content) ([]byte, error) { return c.body(&content) }

// generate describes where a generateContent has its context. The body that creates a cache has it in the same members.
var generate = func() *wire.PrefixShape {
	u := &url.URL{Scheme: "https", Host: geminiHost, Path: "/" + geminiVersion + "/models/m:generateContent"}
	_, call, ok := new(wire.Router).Recognise(http.MethodPost, u)
	if !ok {
		return nil
	}
	return call.Prefix
}()
