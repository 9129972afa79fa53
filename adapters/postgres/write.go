package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// insert has the rules of a [ledger.Sink]; %[1]s is the table.
const insert = `insert into %[1]s as old (at, call, attempt, provider, operation, model, served_tier, outcome, price_id, unpriced,
	cost_pico, list_pico, implicit_pico, exposure_pico, tags, row)
select at, call, attempt, provider, operation, model, served_tier, outcome, price_id, unpriced, cost, list, implicit, exposure, tags::jsonb, line::json
from unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[],
	$11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[])
as new (at, call, attempt, provider, operation, model, served_tier, outcome, price_id, unpriced, cost, list, implicit, exposure, tags, line)
on conflict (at, call, attempt) do update set provider = excluded.provider, operation = excluded.operation, model = excluded.model,
	served_tier = excluded.served_tier, outcome = excluded.outcome, price_id = excluded.price_id, unpriced = excluded.unpriced,
	cost_pico = excluded.cost_pico, list_pico = excluded.list_pico, implicit_pico = excluded.implicit_pico,
	exposure_pico = excluded.exposure_pico, tags = excluded.tags, row = excluded.row
where excluded.price_id = '` + ledger.BillPriceID + `' or old.outcome = '` + string(policy.Open) + `' and excluded.outcome <> '` + string(policy.Open) + `'`

// replaces reports whether a row takes the place of one that is there: the same rule, for rows of one batch.
func replaces(old, row *ledger.Row) bool {
	return row.PriceID == ledger.BillPriceID || old.Outcome == policy.Open && row.Outcome != policy.Open
}

// columns are rows as the statement has them, an array for each column.
type columns struct {
	at                             pgtype.FlatArray[time.Time]
	call                           pgtype.FlatArray[string]
	attempt                        pgtype.FlatArray[int64]
	provider, operation, model     pgtype.FlatArray[string]
	tier, outcome, priceID         pgtype.FlatArray[string]
	unpriced                       pgtype.FlatArray[bool]
	cost, list, implicit, exposure pgtype.FlatArray[pgtype.Int8]
	tags                           pgtype.FlatArray[pgtype.Text]
	line                           pgtype.FlatArray[string]
}

// A key tells attempts apart, as the table does.
type key struct {
	at      int64 // microseconds
	call    string
	attempt int
}

// Write implements [ledger.Sink]. It writes all rows or none, in one statement.
func (s *Store) Write(ctx context.Context, rows []ledger.Row) error {
	if len(rows) == 0 {
		return nil
	}
	if err := s.write(ctx, rows); err != nil {
		return failed(fmt.Sprintf("write %d rows", len(rows)), done(ctx, err))
	}
	return nil
}

func (s *Store) write(ctx context.Context, rows []ledger.Row) error {
	c, err := arrange(rows)
	if err != nil {
		return err
	}
	months := make(map[month]bool)
	for _, at := range c.at {
		months[monthOf(at)] = true
	}
	args := []any{
		c.at, c.call, c.attempt, c.provider, c.operation, c.model, c.tier, c.outcome, c.priceID, c.unpriced,
		c.cost, c.list, c.implicit, c.exposure, c.tags, c.line,
	}
	for again := false; ; again = true {
		if err := s.ensure(ctx, months); err != nil {
			return err
		}
		_, err := s.pool.Exec(ctx, s.insert, args...)
		if code(err) != noPartition || again {
			return err
		}
		// Another program has dropped one.
		if err := s.lookUp(ctx); err != nil {
			return err
		}
	}
}

// noPartition is what PostgreSQL says of a row for which there is none: check_violation.
const noPartition = "23514"

// arrange makes the columns of rows. One statement cannot touch a row twice, so that of rows with the same key the one is
// left that would be.
func arrange(rows []ledger.Row) (*columns, error) {
	// The lines are one string, which each row has a part of.
	ends := make([]int, len(rows))
	buf := make([]byte, 0, 768*len(rows))
	for i := range rows {
		buf = rows[i].AppendJSON(buf)
		ends[i] = len(buf)
	}
	all := string(buf)

	chosen := make([]*ledger.Row, 0, len(rows))
	lines := make([]string, 0, len(rows))
	index := make(map[key]int, len(rows))
	begin := 0
	for i := range rows {
		r, line := &rows[i], all[begin:ends[i]]
		begin = ends[i]
		if !plain(r) {
			read, err := ledger.ParseRow([]byte(line))
			if err != nil {
				return nil, err
			}
			r = &read
		}
		k := key{r.At.UnixMicro(), r.Call, r.Attempt}
		if at, ok := index[k]; !ok {
			index[k] = len(chosen)
			chosen, lines = append(chosen, r), append(lines, line)
		} else if replaces(chosen[at], r) {
			chosen[at], lines[at] = r, line
		}
	}
	n := len(chosen)
	c := &columns{
		at: make([]time.Time, n), call: make([]string, n), attempt: make([]int64, n),
		provider: make([]string, n), operation: make([]string, n), model: make([]string, n),
		tier: make([]string, n), outcome: make([]string, n), priceID: make([]string, n), unpriced: make([]bool, n),
		cost: make([]pgtype.Int8, n), list: make([]pgtype.Int8, n), implicit: make([]pgtype.Int8, n), exposure: make([]pgtype.Int8, n),
		tags: make([]pgtype.Text, n), line: lines,
	}
	for i, r := range chosen {
		c.at[i], c.call[i], c.attempt[i] = microseconds(r.At), callText(r.Call), int64(r.Attempt)
		c.provider[i], c.operation[i], c.model[i] = text(r.Provider), text(r.Operation), text(cmp.Or(r.ServedModel, r.Model))
		c.tier[i], c.outcome[i], c.priceID[i] = text(string(r.ServedTier)), text(string(r.Outcome)), text(r.PriceID)
		c.unpriced[i] = r.Unpriced != ""
		c.cost[i], c.list[i], c.implicit[i], c.exposure[i] = pico(r.Cost), pico(r.List), pico(r.Implicit), pico(r.Exposure)
		c.tags[i] = pgtype.Text{String: tagsText(r.Tags), Valid: len(r.Tags) > 0}
	}
	return c, nil
}

// plain reports whether the columns of a row are what its line says: JSON has no text that is not UTF-8, and no year of
// five digits.
func plain(r *ledger.Row) bool {
	for _, s := range [...]string{
		r.Call, r.Provider, r.Operation, r.Model, r.ServedModel, string(r.ServedTier), string(r.Outcome), r.PriceID,
	} {
		if !utf8.ValidString(s) {
			return false
		}
	}
	for name, value := range r.Tags {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return false
		}
	}
	return r.At.Year() >= 0 && r.At.Year() <= 9999
}

// text is a text as a column has it. Those that PostgreSQL does not take become their JSON string, and so do those that
// look like one, so that no two become the same.
func text(s string) string {
	if strings.IndexByte(s, 0) < 0 && !strings.HasPrefix(s, `"`) && utf8.ValidString(s) {
		return s
	}
	quoted, _ := json.Marshal(s) // a text always has a JSON form
	return string(quoted)
}

// callText is a call as its column has it: no key of an index may have more than 2704 bytes.
func callText(s string) string {
	if t := text(s); len(t) <= 1000 {
		return t
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// tagsText is tags as their column has them.
func tagsText(tags map[string]string) string {
	if len(tags) == 0 {
		return ""
	}
	for name, value := range tags {
		if text(name) != name || text(value) != value {
			taken := make(map[string]string, len(tags))
			for name, value := range tags {
				taken[text(name)] = text(value)
			}
			tags = taken
			break
		}
	}
	b, _ := json.Marshal(tags)
	return string(b)
}

// pico is an amount as a column has it.
func pico(a ledger.Amount) pgtype.Int8 { return pgtype.Int8{Int64: int64(a.Pico), Valid: a.Known} }

var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// microseconds is a time as a column has it; one before the year 1 or after 9999 is the nearest that there is.
func microseconds(t time.Time) time.Time {
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t.UTC().Truncate(time.Microsecond)
}
