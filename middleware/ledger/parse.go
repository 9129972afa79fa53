package ledger

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// ParseRow reads a line of a JSONL segment or of entries.jsonl. It ignores unknown members, which a later version may have
// written. An amount of money that cannot be negative and is, is an error. Errors name the member, and do not quote the line.
func ParseRow(line []byte) (Row, error) {
	// A line that AppendJSON wrote is read many times faster than JSON in general.
	var r Row
	c := cursor{rest: string(line)}
	if c.row(&r) {
		return r, r.checkMoney()
	}
	r = Row{}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, whatIsWrong(line, err)
	}
	return r, r.checkMoney()
}

// checkMoney returns an error for an amount that is negative and must not be. What was saved may be negative, because writing
// to a cache can cost more than it saves. So may the cost of storage, where a row takes back a part of an earlier one.
func (r *Row) checkMoney() error {
	for _, a := range [...]struct {
		name string
		Amount
	}{{"cost_usd", r.Cost}, {"list_usd", r.List}, {"exposure_usd", r.Exposure}, {"reported_usd", r.Reported}} {
		if a.Pico < 0 && !(a.name == "cost_usd" && r.Outcome == policy.Storage) {
			return fmt.Errorf("%s is negative", a.name)
		}
	}
	return nil
}

// whatIsWrong returns an error of encoding/json without what it quotes of the line.
func whatIsWrong(line []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("invalid JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		member, _, _ := strings.Cut(kind.Field, ".") // the rest may be the name of a tag
		return fmt.Errorf("%s is of the wrong type, at byte %d", cmp.Or(member, "the line"), kind.Offset)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(line, &members) == nil {
		for _, name := range [...]string{"cost_usd", "list_usd", "implicit_usd", "explicit_usd", "exposure_usd", "reported_usd"} {
			if text, ok := members[name]; ok && new(Amount).UnmarshalJSON(text) != nil {
				return fmt.Errorf("%s is no amount of money", name)
			}
		}
		if text, ok := members["at"]; ok && new(time.Time).UnmarshalJSON(text) != nil {
			return errors.New("at is no time")
		}
	}
	return errors.New("a member is invalid")
}

// rowMembers are the members of a row, in the order in which AppendJSON writes them.
var rowMembers = [...]struct {
	name string
	read func(*cursor, *Row) bool
}{
	{"call", func(c *cursor, r *Row) bool { return text(c, &r.Call) }},
	{"attempt", func(c *cursor, r *Row) bool { return integer(c, &r.Attempt) }},
	{"parent", func(c *cursor, r *Row) bool { return text(c, &r.Parent) }},
	{"at", func(c *cursor, r *Row) bool { return c.time(r) }},
	{"provider", func(c *cursor, r *Row) bool { return text(c, &r.Provider) }},
	{"operation", func(c *cursor, r *Row) bool { return text(c, &r.Operation) }},
	{"model", func(c *cursor, r *Row) bool { return text(c, &r.Model) }},
	{"served_model", func(c *cursor, r *Row) bool { return text(c, &r.ServedModel) }},
	{"asked_tier", func(c *cursor, r *Row) bool { return text(c, &r.AskedTier) }},
	{"served_tier", func(c *cursor, r *Row) bool { return text(c, &r.ServedTier) }},
	{"cache", func(c *cursor, r *Row) bool { return text(c, &r.Cache) }},
	{"outcome", func(c *cursor, r *Row) bool { return text(c, &r.Outcome) }},
	{"evidence", func(c *cursor, r *Row) bool { return text(c, &r.Evidence) }},
	{"reason", func(c *cursor, r *Row) bool { return text(c, &r.Reason) }},
	{"status", func(c *cursor, r *Row) bool { return integer(c, &r.Status) }},
	{"error_code", func(c *cursor, r *Row) bool { return text(c, &r.ErrorCode) }},
	{"request_id", func(c *cursor, r *Row) bool { return text(c, &r.RequestID) }},
	{"response_id", func(c *cursor, r *Row) bool { return text(c, &r.ResponseID) }},
	{"stream", func(c *cursor, r *Row) bool { r.Stream = c.skip("true"); return r.Stream }},
	{"usage", func(c *cursor, r *Row) bool { return c.usage(&r.Usage) }},
	{"usage_source", func(c *cursor, r *Row) bool { return text(c, &r.UsageSource) }},
	{"cost_usd", func(c *cursor, r *Row) bool { return c.amount(&r.Cost) }},
	{"list_usd", func(c *cursor, r *Row) bool { return c.amount(&r.List) }},
	{"implicit_usd", func(c *cursor, r *Row) bool { return c.amount(&r.Implicit) }},
	{"explicit_usd", func(c *cursor, r *Row) bool { return c.amount(&r.Explicit) }},
	{"exposure_usd", func(c *cursor, r *Row) bool { return c.amount(&r.Exposure) }},
	{"reported_usd", func(c *cursor, r *Row) bool { return c.amount(&r.Reported) }},
	{"price_id", func(c *cursor, r *Row) bool { return text(c, &r.PriceID) }},
	{"unpriced", func(c *cursor, r *Row) bool { return text(c, &r.Unpriced) }},
	{"settles", func(c *cursor, r *Row) bool { r.Settles = c.skip("true"); return r.Settles }},
	{"skipped", func(c *cursor, r *Row) bool { return text(c, &r.Skipped) }},
	{"wire_tries", func(c *cursor, r *Row) bool { return integer(c, &r.WireTries) }},
	{"wait_ms", func(c *cursor, r *Row) bool { return integer(c, &r.WaitMS) }},
	{"latency_ms", func(c *cursor, r *Row) bool { return integer(c, &r.LatencyMS) }},
	{"sdk_retry", func(c *cursor, r *Row) bool { return integer(c, &r.SDKRetry) }},
	{"tags", func(c *cursor, r *Row) bool { return c.tags(r) }},
}

// A cursor reads a line in the form in which AppendJSON writes it. Its methods return false for anything else, such as an
// escape or a space; encoding/json then reads the whole line.
type cursor struct{ rest string }

// skip skips the text s, and reports whether it was there.
func (c *cursor) skip(s string) bool {
	if !strings.HasPrefix(c.rest, s) {
		return false
	}
	c.rest = c.rest[len(s):]
	return true
}

// quoted reads a string that has only ASCII characters and no escapes.
func (c *cursor) quoted() (string, bool) {
	if c.rest == "" || c.rest[0] != '"' {
		return "", false
	}
	for i := 1; i < len(c.rest); i++ {
		switch b := c.rest[i]; {
		case b == '"':
			s := c.rest[1:i]
			c.rest = c.rest[i+1:]
			return s, true
		case b < ' ' || b > '~' || b == '\\':
			return "", false
		}
	}
	return "", false
}

func text[T ~string](c *cursor, to *T) bool {
	s, ok := c.quoted()
	*to = T(s)
	return ok
}

func integer[T int | int64](c *cursor, to *T) bool {
	end := 0
	for end < len(c.rest) && (c.rest[end] == '-' || c.rest[end] >= '0' && c.rest[end] <= '9') {
		end++
	}
	digits := strings.TrimPrefix(c.rest[:end], "-")
	n, err := strconv.ParseInt(c.rest[:end], 10, 64)
	*to = T(n)
	c.rest = c.rest[end:]
	return err == nil && int64(*to) == n && (digits == "0" || digits[0] != '0') // as JSON has it
}

func (c *cursor) amount(a *Amount) bool {
	s, ok := c.quoted()
	if !ok {
		return false
	}
	p, err := price.ParseUSD(s)
	*a = Known(p)
	return err == nil
}

func (c *cursor) time(r *Row) bool {
	s, ok := c.quoted()
	return ok && r.At.UnmarshalText([]byte(s)) == nil
}

func (c *cursor) tags(r *Row) bool {
	r.Tags = make(map[string]string, 2)
	return c.members(func(name string) bool {
		value, ok := c.quoted()
		_, twice := r.Tags[name]
		r.Tags[name] = value
		return ok && !twice
	})
}

func (c *cursor) usage(u *price.Usage) bool {
	at := 0
	counters := u.Counters()
	return c.members(func(name string) bool {
		for ; at < len(counters); at++ {
			if counters[at].Name == name {
				return integer(c, counters[at].Count)
			}
		}
		return false
	})
}

// members reads an object. The function reads the value of the member with that name.
func (c *cursor) members(read func(name string) bool) bool {
	if !c.skip("{") {
		return false
	}
	if c.skip("}") {
		return true
	}
	for {
		name, ok := c.quoted()
		if !ok || !c.skip(":") || !read(name) {
			return false
		}
		if c.skip("}") {
			return true
		}
		if !c.skip(",") {
			return false
		}
	}
}

// row reads a whole line.
func (c *cursor) row(r *Row) bool {
	at := 0
	return c.members(func(name string) bool {
		for ; at < len(rowMembers); at++ {
			if rowMembers[at].name == name {
				at++
				return rowMembers[at-1].read(c, r)
			}
		}
		return false
	}) && c.rest == ""
}
