// Package reconcile compares a ledger with a provider's bill: what was billed and what our rows say, by day and model,
// which causes the data bear out for a difference, and which attempts of unknown cost the bill settles.
//
// A [Bill] is read by [ParseCosts] or [ParseCSV], or put together by hand. [Compare] makes a [Report] of it, and [Apply]
// tells a ledger what the report has settled.
package reconcile

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Bill is what a provider says it charged, in US dollars.
type Bill struct {
	// Days are the days, by their midnight in UTC, that the bill is about even if it has no line for them. Those of the
	// Lines need not be among them.
	Days []time.Time `json:"days"`
	// Lines are what was charged, in any order. There may be several of one day and item.
	Lines []Line `json:"lines"`
}

// A Line of a bill is one amount. It may be negative: a credit.
type Line struct {
	Day     time.Time   `json:"day"`              // midnight in UTC
	Item    string      `json:"item,omitzero"`    // as the provider calls it: "gpt-4o-mini-2024-07-18, cached input"
	Model   string      `json:"model,omitzero"`   // none if the item names none
	Tier    policy.Tier `json:"tier,omitzero"`    // none if the item names none
	Kind    Kind        `json:"kind,omitzero"`    // of what the item is
	Project string      `json:"project,omitzero"` // the provider's id of it
	Amount  price.Pico  `json:"amount_usd"`       // rounded to a picodollar
}

// A Kind says what a line of a bill charges for. The zero Kind is what a model did, without saying what.
type Kind string

const (
	Input       Kind = "input"
	CachedInput Kind = "cached_input"
	CacheWrite  Kind = "cache_write"
	Output      Kind = "output"
	Tool        Kind = "tool"    // searches, containers and the like
	Storage     Kind = "storage" // of files and vectors
	Other       Kind = "other"   // an item that is not understood
	Whole       Kind = "whole"   // no item was told: it is all that was charged
)

// MaxBytes is how large a bill may be that is read.
const MaxBytes = 64 << 20

// readAll reads a bill, without the byte order mark that may stand before it.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reconcile: reading the bill: %w", err)
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("reconcile: the bill is larger than %d bytes: split it by days", MaxBytes)
	}
	return []byte(strings.TrimPrefix(string(text), "\ufeff")), nil
}

// What a time in a bill can be: outside of it, a number is no Unix time in seconds.
const (
	minUnix = 946684800   // 2000-01-01
	maxUnix = 32503680000 // 3000-01-01
	daySecs = 24 * 60 * 60
)

// midnight is the beginning of a time's day in UTC.
func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// parseItem fills what the item tells: "MODEL, KIND", behind "TIER | " if it is not the standard one. Each part was seen
// in exports of 2025 and 2026: "gpt-5.5-2026-04-23, cached input", "priority | gpt-5.6, output, long context",
// "gpt-image-2 text, cached input", "flex | gpt-5-mini, input", "gpt-5, output_tokens", "web search tool calls",
// "assistants api | file search", "evals | gpt-4o-mini, input", "Vector storage".
func (l *Line) parseItem() {
	item := strings.ToLower(strings.TrimSpace(l.Item))
	if item == "" {
		if l.Model == "" {
			l.Kind = Whole
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
		// Something else made the calls, such as evals: they are not ours, whatever the model.
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

// kindOf is what the words behind a model say.
func kindOf(what string) Kind {
	what = strings.TrimSpace(what)
	switch {
	case strings.Contains(what, "cache writ"):
		return CacheWrite
	case strings.Contains(what, "cached"):
		return CachedInput
	case strings.Contains(what, "output"):
		return Output
	case strings.Contains(what, "input"):
		return Input
	}
	if k := extraKind(what); k != Other {
		return k
	}
	return ""
}

// extraKind is what an item is of that names no model.
func extraKind(item string) Kind {
	switch {
	case strings.Contains(item, "storage"):
		return Storage
	case strings.Contains(item, "tool"), strings.Contains(item, "search"), strings.Contains(item, "code interpreter"),
		strings.Contains(item, "container"), strings.Contains(item, "session"):
		return Tool
	}
	return Other
}

// isModel says whether a word looks like a model's name: it has a digit or a hyphen, as all of them have.
func isModel(word string) bool { return strings.ContainsAny(word, "0123456789-") }

func isModality(word string) bool {
	return word == "text" || word == "audio" || word == "image" || word == "video"
}
