package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// ParseCosts reads OpenAI's answer to GET /v1/organization/costs: one page, or all pages one after another, in order. Request
// group_by=line_item, because otherwise the answer does not say which model was charged, and days in UTC (bucket_width=1d,
// the only one that OpenAI offers). Amounts are rounded to a picodollar. A bill is at most 64 MiB.
//
// An incomplete bill could resolve attempts wrongly. It is therefore an error if the last page has a next page, or if a
// bucket comes twice. Other errors are a currency that is not USD, a bucket that is not a day, and a field that is missing
// or invalid. Each error names the page and the field or, for invalid JSON, the line.
func ParseCosts(r io.Reader) (*Bill, error) {
	text, err := readAll(r)
	if err != nil {
		return nil, err
	}
	var (
		bill Bill
		seen = make(map[time.Time]bool)
		dec  = json.NewDecoder(bytes.NewReader(text))
		more bool
		n    int
	)
	for {
		var p costsPage
		err := dec.Decode(&p)
		if err == io.EOF {
			break
		}
		n++
		if err == nil {
			err = p.read(&bill, seen)
		} else {
			err = jsonError(text, dec.InputOffset(), err)
		}
		if err != nil {
			return nil, fmt.Errorf("reconcile: page %d: %w", n, err)
		}
		more = p.HasMore
	}
	switch {
	case n == 0:
		return nil, errors.New("reconcile: the bill is empty: want a page of OpenAI's costs")
	case more:
		return nil, fmt.Errorf("reconcile: page %d: has_more: a page is missing behind it: fetch its next_page too", n)
	}
	slices.SortFunc(bill.Days, time.Time.Compare)
	return &bill, nil
}

// jsonError adds the line at which the JSON is invalid.
func jsonError(text []byte, offset int64, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax) && syntax.Offset > 0:
		offset = max(offset, syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("before line %d: %s: want %s, not a JSON %s", lineOf(text, offset), kind.Field, kind.Type, kind.Value)
	case err == io.ErrUnexpectedEOF:
		offset = int64(len(text))
	}
	return fmt.Errorf("line %d: %w", lineOf(text, offset), err)
}

// lineOf returns the number of the line with that offset.
func lineOf(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(max(offset, 0), int64(len(text)))], []byte("\n"))
}

type costsPage struct {
	Object  string         `json:"object"`
	Data    *[]costsBucket `json:"data"`
	HasMore bool           `json:"has_more"`
}

type costsBucket struct {
	Object    string         `json:"object"`
	StartTime *int64         `json:"start_time"`
	EndTime   *int64         `json:"end_time"`
	Results   *[]costsResult `json:"results"`
}

type costsResult struct {
	Object string `json:"object"`
	Amount *struct {
		Value    json.RawMessage `json:"value"`
		Currency *string         `json:"currency"`
	} `json:"amount"`
	LineItem  *string `json:"line_item"`
	ProjectID *string `json:"project_id"`
}

// read adds the page to the bill. The days of earlier pages are in seen.
func (p *costsPage) read(bill *Bill, seen map[time.Time]bool) error {
	if err := wantObject(p.Object, "page"); err != nil {
		return err
	}
	if p.Data == nil {
		return errors.New("data: missing: want the answer of /v1/organization/costs")
	}
	for i := range *p.Data {
		b := &(*p.Data)[i]
		day, err := b.day()
		if err == nil && seen[day] {
			err = fmt.Errorf("start_time: there is a bucket of %s before: is a page there twice?", day.Format(time.DateOnly))
		}
		if err == nil && b.Results == nil {
			err = errors.New("results: missing")
		}
		if err != nil {
			return fmt.Errorf("data[%d].%w", i, err)
		}
		seen[day] = true
		bill.Days = append(bill.Days, day)
		for j := range *b.Results {
			l, err := (*b.Results)[j].line(day)
			if err != nil {
				return fmt.Errorf("data[%d].results[%d].%w", i, j, err)
			}
			bill.Lines = append(bill.Lines, l)
		}
	}
	return nil
}

// wantObject refuses an object of another type, for example an answer with usage instead of costs.
func wantObject(got, want string) error {
	if got != want {
		return fmt.Errorf("object: want %q, not %.64q", want, got)
	}
	return nil
}

// day returns the day of the bucket.
func (b *costsBucket) day() (time.Time, error) {
	if err := wantObject(b.Object, "bucket"); err != nil {
		return time.Time{}, err
	}
	switch {
	case b.StartTime == nil:
		return time.Time{}, errors.New("start_time: missing")
	case b.EndTime == nil:
		return time.Time{}, errors.New("end_time: missing")
	}
	from, to := *b.StartTime, *b.EndTime
	switch {
	case from < minUnix || from > maxUnix:
		return time.Time{}, fmt.Errorf("start_time: %d is not a Unix time in seconds", from)
	case from%daySecs != 0:
		return time.Time{}, fmt.Errorf("start_time: %d is not midnight in UTC: ask for whole days", from)
	case to != from+daySecs:
		return time.Time{}, fmt.Errorf("end_time: %d is not a day after %d: ask for whole days", to, from)
	}
	return time.Unix(from, 0).UTC(), nil
}

// line returns the result as a line of the bill.
func (c *costsResult) line(day time.Time) (Line, error) {
	if err := wantObject(c.Object, "organization.costs.result"); err != nil {
		return Line{}, err
	}
	switch {
	case c.Amount == nil:
		return Line{}, errors.New("amount: missing")
	case c.Amount.Value == nil:
		return Line{}, errors.New("amount.value: missing")
	case c.Amount.Currency == nil:
		return Line{}, errors.New("amount.currency: missing")
	case !isUSD(*c.Amount.Currency):
		return Line{}, fmt.Errorf("amount.currency: %.16q is not USD, and is not converted", *c.Amount.Currency)
	}
	// The documents say that the value is a number. Some answers have a string.
	number := string(c.Amount.Value)
	if s, ok := strings.CutPrefix(number, `"`); ok {
		number = strings.TrimSuffix(s, `"`)
	}
	amount, err := price.RoundUSD(number)
	if err != nil {
		return Line{}, fmt.Errorf("amount.value: %w", err)
	}
	l := Line{Day: day, Amount: amount}
	if c.LineItem != nil {
		l.Item = *c.LineItem
	}
	if c.ProjectID != nil {
		l.Project = *c.ProjectID
	}
	l.parseItem()
	return l, nil
}

func isUSD(currency string) bool { return strings.EqualFold(currency, "usd") }
