package reconcile

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Bill is what a provider says that it charged, in US dollars.
type Bill struct {
	// Days are days, by their midnight in UTC, that the bill covers even if it has no line for them. The days of Lines need
	// not be repeated.
	Days []time.Time `json:"days"`
	// Lines are the amounts that were charged, in any order. A day and item may have several.
	Lines []Line `json:"lines"`
}

// A Line of a bill is one amount. A credit is negative.
type Line struct {
	Day  time.Time `json:"day"`           // midnight in UTC
	Item string    `json:"item,omitzero"` // the provider's name of it: "gpt-4o-mini-2024-07-18, cached input"
	// Model and Tier are empty if the item names none.
	Model string      `json:"model,omitzero"`
	Tier  policy.Tier `json:"tier,omitzero"`
	// Kind is what the line charges for: input, cached_input, cache_write, output, tool, storage (of files), other (an item
	// that is not understood) or whole (the bill has no items). It is empty for a model's calls of no particular kind.
	Kind    string     `json:"kind,omitzero"`
	Project string     `json:"project,omitzero"` // the provider's id of it
	Amount  price.Pico `json:"amount_usd"`       // rounded to a picodollar
}

// The kinds of a [Line].
const (
	kindInput       = "input"
	kindCachedInput = "cached_input"
	kindCacheWrite  = "cache_write"
	kindOutput      = "output"
	kindTool        = "tool"
	kindStorage     = "storage"
	kindOther       = "other"
	kindWhole       = "whole"
)

// maxBytes is how large a bill may be.
const maxBytes = 64 << 20

// readAll reads a bill without a leading byte order mark.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reconcile: reading the bill: %w", err)
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("reconcile: the bill is larger than %d bytes: split it by days", maxBytes)
	}
	return []byte(strings.TrimPrefix(string(text), "\ufeff")), nil
}

// The times that a bill can have. A number outside this range is no Unix time in seconds.
const (
	minUnix = 946684800   // 2000-01-01
	maxUnix = 32503680000 // 3000-01-01
)

// parseItem sets Model, Tier and Kind from Item, which has the form "MODEL, KIND", with "TIER | " before it if the tier is
// not the standard one. Items seen in exports of 2025 and 2026 are "gpt-5.5-2026-04-23, cached input",
// "priority | gpt-5.6, output, long context", "gpt-image-2 text, cached input", "flex | gpt-5-mini, input",
// "gpt-5, output_tokens", "web search tool calls", "assistants api | file search", "evals | gpt-4o-mini, input" and
// "Vector storage".
func (l *Line) parseItem() {
	item := strings.ToLower(strings.TrimSpace(l.Item))
	if item == "" {
		if l.Model == "" {
			l.Kind = kindWhole
		}
		return
	}
	surface, rest, ok := strings.Cut(item, " | ")
	if !ok {
		surface, rest = "", item
	}
	switch surface {
	case "", "flex", "priority", "batch":
		l.Tier = policy.Tier(surface)
	default:
		// Another product of the provider made the calls, such as evals. They are in no ledger, for any model.
		if l.Model == "" {
			l.Kind = extraKind(rest)
			return
		}
	}
	head, what, _ := strings.Cut(rest, ",")
	words := strings.Fields(head)
	if l.Model == "" {
		if len(words) == 0 || !isModel(words[0]) || len(words) > 2 || len(words) == 2 && !isModality(words[1]) {
			l.Kind = extraKind(rest)
			return
		}
		l.Model = words[0]
	}
	l.Kind = kindOf(what)
}

// kindOf returns the kind that the text after a model's name stands for.
func kindOf(what string) string {
	what = strings.TrimSpace(what)
	switch {
	case strings.Contains(what, "cache writ"):
		return kindCacheWrite
	case strings.Contains(what, "cached"):
		return kindCachedInput
	case strings.Contains(what, "output"):
		return kindOutput
	case strings.Contains(what, "input"):
		return kindInput
	}
	if k := extraKind(what); k != kindOther {
		return k
	}
	return ""
}

// extraKind returns the kind of an item that names no model.
func extraKind(item string) string {
	switch {
	case strings.Contains(item, "storage"):
		return kindStorage
	case strings.Contains(item, "tool"), strings.Contains(item, "search"), strings.Contains(item, "code interpreter"),
		strings.Contains(item, "container"), strings.Contains(item, "session"):
		return kindTool
	}
	return kindOther
}

// isModel reports whether a word looks like the name of a model: all of these have a digit or a hyphen.
func isModel(word string) bool { return strings.ContainsAny(word, "0123456789-") }

// isModality reports whether a word after a model names a kind of token.
func isModality(word string) bool {
	return word == "text" || word == "audio" || word == "image" || word == "video"
}
