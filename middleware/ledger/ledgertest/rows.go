package ledgertest

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// texts are the texts in rows: among them are many that databases, JSON and Go treat in different ways.
var texts = []string{
	"gpt-5", "acme", "flex", "null", "{}", "open", "0", " ", `a "quoted" one`, `"`, `'`, "''; DROP TABLE rows; --", "%_*", "$1", "?",
	"<b>&", "line\nbreak", "größer", "GRÖSSER", "\xff\xfe", "half\xc3", "\ufffd", "\u2028", `back\slash`, `\u0000`, `"a\u0000b"`, "\x7f",
	"a\x00b", "\x00", "a.b[0]", "👩‍👩‍👧", "e\u0301",
}

// long is longer than a database can have in an index.
var long = strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz ", 200)

// begin is the time from which most rows begin.
var begin = time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)

// farTimes are the times of a few rows.
var farTimes = []time.Time{
	{}, time.Unix(0, 0).UTC(), time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(2000, 2, 29, 0, 0, 0, 1, time.UTC),
	time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
}

// outcomes are those of an attempt that has ended.
var outcomes = []policy.Outcome{
	policy.NotSent, policy.Rejected, policy.Ambiguous, policy.Billed, policy.Partial, policy.Refused, policy.Storage,
}

// pick returns a random element.
func pick[T any](c *check, from []T) T { return from[c.random.IntN(len(from))] }

// row returns a random row of a new attempt that has ended. Each field is set or empty.
func (c *check) row() ledger.Row {
	var r ledger.Row
	c.fill(reflect.ValueOf(&r).Elem())
	c.rows++
	r.Call, r.Attempt = fmt.Sprintf("call-%06d", c.rows), c.random.IntN(4)
	if c.random.IntN(4) == 0 {
		// This module generates the ids of calls, so they are UTF-8. Nothing else about them is certain.
		r.Call, r.Attempt = strings.ToValidUTF8(pick(c, texts), "_"), c.rows
	}
	r.At = begin.Add(time.Duration(c.random.Int64N(int64(60 * 24 * time.Hour))))
	switch c.random.IntN(200) {
	case 0:
		r.Call, r.Attempt = long, c.rows
	case 1:
		r.ErrorCode, r.Model, r.Tags = long, long, map[string]string{long: long}
	}
	if c.random.IntN(20) == 0 {
		r.At = pick(c, farTimes)
	}
	r.Outcome, r.Settles = pick(c, outcomes), false
	for _, a := range []*ledger.Amount{&r.Cost, &r.List, &r.Exposure, &r.Reported} {
		if a != &r.Cost || r.Outcome != policy.Storage {
			a.Pico &= math.MaxInt64 // it cannot be negative
		}
	}
	return r
}

// fill sets fields by their kind, so that a new field of the row is tested without a change here.
func (c *check) fill(v reflect.Value) {
	if c.random.IntN(3) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(pick(c, texts))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(c.random.Uint64()) >> c.random.IntN(64) >> (64 - v.Type().Bits()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Map:
		tags := make(map[string]string)
		for range c.random.IntN(4) {
			tags[pick(c, texts)] = pick(c, texts)
		}
		v.Set(reflect.ValueOf(tags))
	case reflect.Struct:
		switch v.Addr().Interface().(type) {
		case *time.Time:
		case *ledger.Amount:
			amounts := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, int64(c.random.Uint64()) >> c.random.IntN(64)}
			v.Set(reflect.ValueOf(ledger.Known(price.Pico(pick(c, amounts)))))
		default:
			for i := range v.NumField() {
				c.fill(v.Field(i))
			}
		}
	default:
		panic("ledgertest: a row has a field of an unknown kind: " + v.Kind().String())
	}
}

// rowsOf returns n random rows, each of another attempt.
func (c *check) rowsOf(n int) []ledger.Row {
	rows := make([]ledger.Row, n)
	for i := range rows {
		rows[i] = c.row()
	}
	return rows
}

// opened returns the row that was written before the attempt of r was sent.
func opened(r *ledger.Row) ledger.Row {
	return ledger.Row{
		Call: r.Call, Attempt: r.Attempt, At: r.At, Provider: r.Provider, Operation: r.Operation, Model: r.Model, Tags: r.Tags,
		Outcome: policy.Open, UsageSource: ledger.Unknown, Unpriced: "not known yet", Exposure: ledger.Known(1e9),
	}
}

// settled returns r with a cost that became known later, as well as the tier and the model.
func settled(r *ledger.Row, cost price.Pico) ledger.Row {
	s := *r
	s.Cost, s.Exposure, s.Unpriced, s.PriceID, s.Settles = ledger.Known(cost), ledger.Amount{}, "", "a price", true
	s.ServedModel, s.ServedTier, s.UsageSource = "gpt-5-2025-08-07", policy.Flex, ledger.Measured
	return s
}

// billed returns r with a cost from a bill.
func billed(r *ledger.Row, cost price.Pico) ledger.Row {
	b := *r
	b.Cost, b.Exposure, b.Unpriced, b.PriceID = ledger.Known(cost), ledger.Amount{}, "", ledger.BillPriceID
	return b
}
