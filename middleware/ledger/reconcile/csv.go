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

// CSVConfig names the columns of a CSV file; upper and lower case are the same. The zero value finds them by the names that
// they have in known exports. If several of these are present, the first one in the list counts.
type CSVConfig struct {
	Date     string // default: start_time, date, day, usage_date
	Amount   string // default: amount_value, amount, amount_usd, cost_usd, cost
	Item     string // default: line_item, description; may be absent
	Model    string // default: model; may be absent
	Currency string // default: amount_currency, currency; if absent, the amounts are in USD
	Project  string // default: project_id, project; may be absent

	Comma rune // the field separator; 0 is a comma
}

// column is a column to be found in the header.
type column struct {
	named  string   // by the config; then, the name that it was found by
	needed bool     // its absence is an error
	names  []string // by default
	at     int      // its index; -1 if it is absent
}

// The indexes of a layout.
const (
	colDate = iota
	colAmount
	colItem
	colModel
	colCurrency
	colProject
	columns
)

// ParseCSV reads a bill from CSV with a header. Each line has an amount and its date. It ignores other columns.
//
// A date is a day (2006-01-02), an RFC 3339 time, or Unix seconds; days are in UTC. An amount is a decimal. A thousands
// separator, a currency sign and a decimal comma are errors, and so is a currency that is not USD. If there is a column for
// the currency, a line without amount and currency says that its day has no cost. The model is that of the model's column,
// or else the one that the item names. A bill is at most 64 MiB.
//
// Each error names the line and, for a field, its column (counted in bytes) and name.
func ParseCSV(r io.Reader, c CSVConfig) (*Bill, error) {
	text, err := readAll(r)
	if err != nil {
		return nil, err
	}
	in := csv.NewReader(bytes.NewReader(text))
	in.ReuseRecord = true
	if c.Comma != 0 {
		in.Comma = c.Comma
	}
	header, err := in.Read()
	if err == io.EOF {
		return nil, errors.New("reconcile: the bill is empty: want a header with a date and an amount")
	}
	if err != nil {
		return nil, fmt.Errorf("reconcile: the header: %w", err)
	}
	cols, err := c.find(header)
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

// A layout is where the columns of a file are.
type layout [columns]column

// find finds the columns in the header.
func (c *CSVConfig) find(header []string) (*layout, error) {
	cols := &layout{
		colDate:     {c.Date, true, []string{"start_time", "date", "day", "usage_date"}, -1},
		colAmount:   {c.Amount, true, []string{"amount_value", "amount", "amount_usd", "cost_usd", "cost"}, -1},
		colItem:     {c.Item, false, []string{"line_item", "description"}, -1},
		colModel:    {c.Model, false, []string{"model"}, -1},
		colCurrency: {c.Currency, false, []string{"amount_currency", "currency"}, -1},
		colProject:  {c.Project, false, []string{"project_id", "project"}, -1},
	}
	for i := range cols {
		if err := cols[i].find(header); err != nil {
			return nil, err
		}
	}
	return cols, nil
}

// find finds the column in the header.
func (c *column) find(header []string) error {
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
				return fmt.Errorf("there are two columns %q", name)
			}
			c.at, c.named = at, name
		}
		if c.at >= 0 {
			return nil
		}
	}
	if c.needed {
		return fmt.Errorf("no column %s: name the one that it is", strings.Join(names, " or "))
	}
	return nil
}

// get returns a field of the record, or the empty string if the file does not have the column.
func (cols *layout) get(record []string, which int) string {
	if at := cols[which].at; at >= 0 {
		return record[at]
	}
	return ""
}

// line returns the record as a line of the bill. It is empty if the record only says that the day has no cost. An error is
// about the field of the column that is returned.
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

// parseDay reads a date and returns the beginning of its day in UTC.
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

// inRange returns the beginning of the day of a time, if a bill can have the time.
func inRange(s string, t time.Time) (time.Time, error) {
	if n := t.Unix(); n < minUnix || n > maxUnix {
		return time.Time{}, fmt.Errorf("%.40q is not a date between the years 2000 and 3000 (Unix times are in seconds)", s)
	}
	return midnight(t), nil
}
