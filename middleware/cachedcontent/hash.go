package cachedcontent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A Hash stands for what is in a content: its system instruction, tools, tool configuration and turns. It says nothing about
// them. Model, display name, time to live and key are not part of it.
type Hash [sha256.Size]byte

// String returns the hash in hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Hash returns the content's hash, by the elements of the request that a cache of it is created with. Contents that differ
// only in the layout of their JSON, such as the order of a tool's members, have the same hash. It fails if the content is
// invalid for the provider.
func (c *Client) Hash(content Content) (Hash, error) {
	body, err := c.body(&content)
	if err != nil {
		return Hash{}, err
	}
	h, err := hashElements(body)
	if err != nil {
		return Hash{}, fmt.Errorf("cachedcontent: hash: %w", err)
	}
	return h, nil
}

// Body returns the body of the request by which [Client.Create] creates a cache of the content.
func (c *Client) Body(content Content) ([]byte, error) { return c.body(&content) }
