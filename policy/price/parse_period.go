package price

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// parsePeriods reads the list of periods and sorts it.
func (m *model) parsePeriods(raw []byte) error {
	list, err := array(raw)
	if err != nil {
		return inField("periods", err)
	}
	for i, raw := range list {
		var p period
		if err := p.parse(raw, m.id); err != nil {
			return inField(fmt.Sprintf("periods[%d]", i), err)
		}
		m.periods = append(m.periods, p)
	}
	slices.SortStableFunc(m.periods, func(a, b period) int { return a.from.Compare(b.from) })
	for i := 1; i < len(m.periods); i++ {
		if before := m.periods[i-1]; before.until.IsZero() || before.until.After(m.periods[i].from) {
			return inField("periods", fmt.Errorf("the one from %s overlaps the one from %s", before.name(), m.periods[i].name()))
		}
	}
	return nil
}

// parse reads one period; the id names the model.
func (p *period) parse(raw []byte, id string) error {
	fields, err := object(raw, "from", "until", "review_by", "source", "tiers", "windows", "storage_usd_per_million_hours")
	if err != nil {
		return err
	}
	var source string
	p.storage = unknown
	err = cmp.Or(
		inField("from", parseTime(fields["from"], &p.from)),
		inField("until", parseTime(fields["until"], &p.until)),
		inField("review_by", parseTime(fields["review_by"], &p.reviewBy)),
		inField("source", parseText(fields["source"], &source)),
		inField("storage_usd_per_million_hours", p.parseStorage(fields["storage_usd_per_million_hours"])),
	)
	switch {
	case err != nil:
		return err
	case source == "":
		return inField("source", errors.New("is missing"))
	case !p.until.IsZero() && !p.from.Before(p.until):
		return inField("until", errors.New("is not after from"))
	}
	id += "/" + p.name() + "/"
	if err := inField("tiers", p.tiers.parse(fields["tiers"], id, "")); err != nil {
		return err
	}
	return p.parseWindows(fields["windows"], id)
}

// parseStorage reads US dollars per million tokens and hour as picodollars per token and hour.
func (p *period) parseStorage(raw []byte) error {
	if raw == nil {
		return nil
	}
	return parsePrice(raw, &p.storage)
}

// name returns the period's part of a PriceID: its beginning, or "-" if it has none.
func (p *period) name() string {
	switch {
	case p.from.IsZero():
		return "-"
	case p.from.Equal(p.from.Truncate(24 * time.Hour)):
		return p.from.Format(time.DateOnly)
	}
	return p.from.Format(time.RFC3339Nano)
}

// parseWindows reads the list of windows.
func (p *period) parseWindows(raw []byte, id string) error {
	if raw == nil {
		return nil
	}
	list, err := array(raw)
	if err != nil {
		return inField("windows", err)
	}
	for i, raw := range list {
		field := fmt.Sprintf("windows[%d]", i)
		w := window{tiers: p.tiers, days: everyDay}
		if err := w.parse(raw, id); err != nil {
			return inField(field, err)
		}
		if slices.ContainsFunc(p.windows, w.overlaps) {
			return inField(field, errors.New("overlaps another window"))
		}
		p.windows = append(p.windows, w)
	}
	return nil
}

// parse reads one window into w, which has the period's tiers already.
func (w *window) parse(raw []byte, id string) error {
	fields, err := object(raw, "from", "until", "days", "tiers")
	if err != nil {
		return err
	}
	var from, until, days string
	err = cmp.Or(
		inField("from", parseClock(fields["from"], &from, &w.from)),
		inField("until", parseClock(fields["until"], &until, &w.until)),
		inField("days", parseDays(fields["days"], &days, &w.days)),
	)
	switch {
	case err != nil:
		return err
	case w.from >= w.until:
		return inField("until", errors.New("is not after from"))
	case days != "":
		days += ","
	}
	return inField("tiers", w.tiers.parse(fields["tiers"], id, "@"+days+from+"-"+until))
}

// overlaps reports whether a moment exists that is in both windows.
func (w *window) overlaps(v window) bool {
	return w.days&v.days != 0 && w.from < v.until && v.from < w.until
}

// parse reads {"standard": [bands]} and replaces the tiers that it reads. The id of a tier is prefix, name and suffix.
func (s *tierSet) parse(raw []byte, prefix, suffix string) error {
	seen := 0
	err := eachField(raw, "", func(name string, raw []byte) error {
		i, ok := tierOf(name)
		if !ok {
			return fmt.Errorf("unknown tier %q", name)
		}
		s[i] = &tier{id: prefix + name + suffix}
		seen++
		return inField(name, s[i].parseBands(raw))
	})
	if err == nil && seen == 0 {
		return errors.New("has no tier")
	}
	return err
}

// parseTime reads a date or a time. If the field is missing, t stays zero.
func parseTime(raw []byte, t *time.Time) error {
	var s string
	if err := parseText(raw, &s); err != nil || raw == nil {
		return err
	}
	parsed, err := time.Parse(time.DateOnly, s)
	if err != nil {
		parsed, err = time.Parse(time.RFC3339, s)
	}
	if err != nil || parsed.IsZero() {
		return fmt.Errorf("%.64q is neither a date (2006-01-02) nor a time (2006-01-02T15:04:05Z)", s)
	}
	*t = parsed.UTC()
	return nil
}

// parseClock reads a time of day, both as text and as seconds since midnight.
func parseClock(raw []byte, s *string, seconds *int) error {
	if err := parseText(raw, s); err != nil {
		return err
	}
	if *s == "24:00" {
		*seconds = 24 * 60 * 60
		return nil
	}
	t, err := time.Parse("15:04", *s)
	if err != nil || len(*s) != len("15:04") {
		return fmt.Errorf("%.64q is not a time of day (15:04)", *s)
	}
	*seconds = t.Hour()*60*60 + t.Minute()*60
	return nil
}

// dayNames are the days in the order of a range.
var dayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// parseDays reads a set of days such as "mon-fri,sun". If the field is missing, days stays as it was.
func parseDays(raw []byte, s *string, days *weekdays) error {
	if err := parseText(raw, s); err != nil || raw == nil {
		return err
	}
	*days = 0
	for part := range strings.SplitSeq(*s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(dayNames, first), slices.Index(dayNames, last)
		if from < 0 || to < from {
			return fmt.Errorf("%.64q is not a set of days (mon-fri,sun)", *s)
		}
		for day := from; day <= to; day++ {
			*days |= 1 << ((day + 1) % 7)
		}
	}
	return nil
}
