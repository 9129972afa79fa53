package postgres

import (
	"fmt"
	"time"
)

// A month is a month in UTC: the year times 12, plus 0 to 11. Each month has a partition.
type month int

// monthOf returns the month of a time.
func monthOf(t time.Time) month {
	year, m, _ := t.UTC().Date()
	return month(year*12 + int(m) - 1)
}

// begin returns the time at which the month begins.
func (m month) begin() time.Time {
	return time.Date(int(m)/12, time.Month(m%12)+1, 1, 0, 0, 0, 0, time.UTC)
}

// table returns the name of its partition, which [parseTable] reads.
func (m month) table() string { return fmt.Sprintf("rows_%04d_%02d", m/12, m%12+1) }

// parseTable returns the month of a partition, and whether the name is that of one.
func parseTable(name string) (m month, ok bool) {
	var year, number int
	if _, err := fmt.Sscanf(name, "rows_%d_%d", &year, &number); err != nil {
		return 0, false
	}
	m = month(year*12 + number - 1)
	return m, 1 <= year && year <= 9999 && m.table() == name
}
