package reconcile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// CSV says what the columns of a file are called, in any case of letters. One that is not named is looked for under the
// names that it has in the exports we know; if there are several such columns, the first of these names counts.
type CSV struct {
	Date     string // or start_time, date, day, usage_date
	Amount   string // or amount_value, amount, amount_usd, cost_usd, cost
	Item     string // or line_item, description; not needed
	Model    string // or model; not needed
	Currency string // or amount_currency, currency; not needed: the amounts then are in USD
	Project  string // or project_id, project; not needed

	Comma rune // what parts the fields; 0 is a comma
}

// column is one that is looked for, by the names that it may have.
type column struct {
	named  string // by the caller
	needed bool
	names  []string
	at     int // -1 if there is none
}

// The columns that are looked for.
const (
	colDate = iota
	colAmount
	colItem
	colModel
	colCurrency
	colProject
	columns
)

// ParseCSV reads a bill from CSV with a header: a line for each amount, with its date. Further columns are passed over.
//
// A date is a day (2006-01-02), a time as in RFC 3339, or Unix seconds; days are those of UTC. An amount is a decimal, in
// which a thousands separator, a sign of a currency or a decimal comma is an error, as is a currency that is not USD. A
// line without amount and currency tells that its day has no cost, if there is a column for the currency. The model is
// that of the model's column, or else the one that the item names.
//
// Each error names the line and, for a field, its column as a count of bytes, and its name.
func ParseCSV(r io.Reader, opt CSV) (*Bill, error) {
	text, err := readAll(r)
	if err != nil {
		return nil, err
	}
	in := csv.NewReader(bytes.NewReader(text))
	in.ReuseRecord = true
	if opt.Comma != 0 {
		in.Comma = opt.Comma
	}
	header, err := in.Read()
	if err == io.EOF {
		return nil, errors.New("reconcile: the bill is empty: want a header with a date and an amount")
	}
	if err != nil {
		return nil, fmt.Errorf("reconcile: the header: %w", err)
	}
	cols, err := opt.find(header)
	if err != nil {
		return nil, fmt.Errorf("reconcile: the header: %w", err)
	}
	var bill Bill
	days := make(map[time.Time]bool)
	for {
		record, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reconcile: %w", err)
		}
		l, empty, which, err := cols.line(record)
		if err != nil {
			line, at := in.FieldPos(cols[which].at)
			return nil, fmt.Errorf("reconcile: line %d, column %d (%s): %w", line, at, cols[which].named, err)
		}
		if !empty {
			bill.Lines = append(bill.Lines, l)
		}
		if !days[l.Day] {
			days[l.Day] = true
			bill.Days = append(bill.Days, l.Day)
		}
	}
	slices.SortFunc(bill.Days, time.Time.Compare)
	return &bill, nil
}

type layout [columns]column

// find finds the columns in the header.
func (opt *CSV) find(header []string) (*layout, error) {
	cols := &layout{
		colDate:     {opt.Date, true, []string{"start_time", "date", "day", "usage_date"}, -1},
		colAmount:   {opt.Amount, true, []string{"amount_value", "amount", "amount_usd", "cost_usd", "cost"}, -1},
		colItem:     {opt.Item, false, []string{"line_item", "description"}, -1},
		colModel:    {opt.Model, false, []string{"model"}, -1},
		colCurrency: {opt.Currency, false, []string{"amount_currency", "currency"}, -1},
		colProject:  {opt.Project, false, []string{"project_id", "project"}, -1},
	}
	for i := range cols {
		c := &cols[i]
		names := c.names
		if c.named != "" {
			names, c.needed = []string{c.named}, true
		}
		for _, name := range names {
			for at, title := range header {
				if !strings.EqualFold(strings.TrimSpace(title), name) {
					continue
				}
				if c.at >= 0 {
					return nil, fmt.Errorf("there are two columns %q", name)
				}
				c.at, c.named = at, name
			}
			if c.at >= 0 {
				break
			}
		}
		if c.at < 0 && c.needed {
			return nil, fmt.Errorf("no column %s: name the one that it is", strings.Join(names, " or "))
		}
	}
	return cols, nil
}

// get is a field of the record, "" if there is no such column.
func (cols *layout) get(record []string, which int) string {
	if at := cols[which].at; at >= 0 {
		return record[at]
	}
	return ""
}

// line is the record as a line of the bill, or empty if it only tells that there was no cost. An error is in that column.
func (cols *layout) line(record []string) (l Line, empty bool, which int, err error) {
	if l.Day, err = parseDay(cols.get(record, colDate)); err != nil {
		return l, false, colDate, err
	}
	l.Item, l.Model = cols.get(record, colItem), strings.TrimSpace(cols.get(record, colModel))
	l.Project = cols.get(record, colProject)
	money, unit := cols.get(record, colAmount), cols.get(record, colCurrency)
	if cols[colCurrency].at >= 0 {
		if money == "" && unit == "" && l.Item == "" && l.Model == "" {
			return l, true, 0, nil
		}
		if !isUSD(unit) {
			return l, false, colCurrency, fmt.Errorf("%.16q is not USD, and is not converted", unit)
		}
	}
	if l.Amount, err = price.RoundUSD(money); err != nil {
		return l, false, colAmount, err
	}
	l.parseItem()
	return l, false, 0, nil
}

// parseDay reads a date, as the beginning of its day in UTC.
func parseDay(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return inRange(s, t)
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		if h, m, sec := t.Clock(); h == 0 && m == 0 && sec == 0 && !t.Equal(midnight(t)) {
			return time.Time{}, fmt.Errorf("%.40q is the day of another time zone: want those of UTC", s)
		}
		return inRange(s, t)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return inRange(s, time.Unix(n, 0))
	}
	return time.Time{}, fmt.Errorf("%.40q is not a date: want 2006-01-02, RFC 3339 or Unix seconds", s)
}

func inRange(s string, t time.Time) (time.Time, error) {
	if n := t.Unix(); n < minUnix || n > maxUnix {
		return time.Time{}, fmt.Errorf("%.40q is not a date between the years 2000 and 3000 (Unix times are in seconds)", s)
	}
	return midnight(t), nil
}
