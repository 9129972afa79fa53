package policy

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // the tests need zones, and the machine may have none

	"github.com/skinflint-go/skinflint/policy/price"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// testZones are zones with every kind of trouble: clocks that change at midnight, by half an hour, and by a day; offsets of
// minutes and of seconds.
var testZones = []string{"UTC", "America/Los_Angeles", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Beirut", "America/St_Johns",
	"Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Monrovia", "Asia/Manila", "America/Juneau", "Pacific/Kiritimati"}

// A window contains the time that it was asked for, and the next one begins where it ends.
func TestWindowsTile(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for _, name := range testZones {
		loc := zone(t, name)
		times := aroundChanges(loc)
		for range 300 {
			times = append(times, time.Unix(random.Int64N(180*365*86_400)-100*365*86_400, random.Int64N(1e9)).In(loc)) // 1870 to 2050
		}
		for _, p := range periods {
			for _, at := range times {
				checkWindow(t, p, at)
			}
		}
	}
}

// aroundChanges returns times around each change of the clocks from 1870 to 2040.
func aroundChanges(loc *time.Location) (times []time.Time) {
	const day = 24 * 60 * 60
	for at := int64(-100 * 365 * day); at < 70*365*day; at += day {
		if offsetAt(at, loc) == offsetAt(at+day, loc) {
			continue
		}
		change := time.Unix(changeAfter(at, at+day, loc), 0).In(loc)
		for _, d := range []time.Duration{-25 * time.Hour, -time.Hour, -time.Second, -1, 0, 1, time.Minute, 59 * time.Minute, time.Hour, 24 * time.Hour} {
			times = append(times, change.Add(d))
		}
	}
	return times
}

var longest = map[Period]time.Duration{EveryMinute: time.Minute, EveryHour: time.Hour, EveryDay: 49 * time.Hour, EveryWeek: 8 * 24 * time.Hour, EveryMonth: 32 * 24 * time.Hour}

// checkWindow checks the window of a time, and those beside it.
func checkWindow(t *testing.T, p Period, at time.Time) {
	t.Helper()
	from, until := p.WindowAt(at)
	if from.After(at) || !until.After(at) || until.Sub(from) > longest[p] {
		t.Fatalf("%s, every %s: %v is not within [%v, %v)", at.Location(), p, at, from, until)
	}
	for _, same := range []time.Time{from, until.Add(-1)} {
		if f, u := p.WindowAt(same); !f.Equal(from) || !u.Equal(until) {
			t.Fatalf("%s, every %s: the window of %v is [%v, %v), and that of %v [%v, %v)", at.Location(), p, at, from, until, same, f, u)
		}
	}
	if f, _ := p.WindowAt(until); !f.Equal(until) {
		t.Fatalf("%s, every %s: after [%v, %v) comes a window from %v", at.Location(), p, from, until, f)
	}
	if f, u := p.WindowAt(from.Add(-1)); !u.Equal(from) || !f.Before(from) {
		t.Fatalf("%s, every %s: before [%v, %v) comes [%v, %v)", at.Location(), p, from, until, f, u)
	}
}

func TestWindowAt(t *testing.T) {
	const layout = "2006-01-02 15:04:05 -0700"
	for _, test := range []struct {
		name        string
		every       Period
		zone, at    string // the time is in UTC
		from, until string // in the zone
	}{
		{"a minute", EveryMinute, "UTC", "2026-03-01 12:34:56", "2026-03-01 12:34:00 +0000", "2026-03-01 12:35:00 +0000"},
		{"an hour of a zone with half hours", EveryHour, "Asia/Kolkata", "2026-03-01 12:34:56", "2026-03-01 18:00:00 +0530", "2026-03-01 19:00:00 +0530"},
		{"a day", EveryDay, "UTC", "2026-02-28 23:59:59", "2026-02-28 00:00:00 +0000", "2026-03-01 00:00:00 +0000"},
		{"a day in Pacific time", EveryDay, "America/Los_Angeles", "2026-01-10 05:00:00", "2026-01-09 00:00:00 -0800", "2026-01-10 00:00:00 -0800"},
		{"a day of 23 hours", EveryDay, "Europe/Berlin", "2026-03-29 10:00:00", "2026-03-29 00:00:00 +0100", "2026-03-30 00:00:00 +0200"},
		{"a day of 25 hours", EveryDay, "Europe/Berlin", "2026-10-25 10:00:00", "2026-10-25 00:00:00 +0200", "2026-10-26 00:00:00 +0100"},
		{"the hour that is repeated, first", EveryHour, "Europe/Berlin", "2026-10-25 00:30:00", "2026-10-25 02:00:00 +0200", "2026-10-25 02:00:00 +0100"},
		{"the hour that is repeated, again", EveryHour, "Europe/Berlin", "2026-10-25 01:30:00", "2026-10-25 02:00:00 +0100", "2026-10-25 03:00:00 +0100"},
		{"the hour that is left out", EveryHour, "Europe/Berlin", "2026-03-29 01:00:00", "2026-03-29 03:00:00 +0200", "2026-03-29 04:00:00 +0200"},
		{"no midnight", EveryDay, "America/Sao_Paulo", "2018-11-04 12:00:00", "2018-11-04 01:00:00 -0200", "2018-11-05 00:00:00 -0200"},
		{"before the midnight that does not exist", EveryDay, "America/Sao_Paulo", "2018-11-04 02:59:59", "2018-11-03 00:00:00 -0300", "2018-11-04 01:00:00 -0200"},
		{"an hour of the evening twice", EveryDay, "America/Sao_Paulo", "2018-02-18 02:30:00", "2018-02-17 00:00:00 -0200", "2018-02-18 00:00:00 -0300"},
		{"midnight twice: the day begins at the first", EveryDay, "America/Havana", "2026-11-01 05:30:00", "2026-11-01 00:00:00 -0400", "2026-11-02 00:00:00 -0500"},
		{"after midnight, the day before once more", EveryDay, "America/St_Johns", "2010-11-07 03:00:00", "2010-11-07 00:00:00 -0230", "2010-11-08 00:00:00 -0330"},
		{"a date that is left out", EveryDay, "Pacific/Apia", "2011-12-30 09:00:00", "2011-12-29 00:00:00 -1000", "2011-12-31 00:00:00 +1400"},
		{"half an hour is left out", EveryHour, "Australia/Lord_Howe", "2026-10-03 15:45:00", "2026-10-04 02:30:00 +1100", "2026-10-04 03:00:00 +1100"},
		{"a week begins on Monday", EveryWeek, "UTC", "2026-11-29 12:00:00", "2026-11-23 00:00:00 +0000", "2026-11-30 00:00:00 +0000"},
		{"on Monday", EveryWeek, "UTC", "2026-11-30 00:00:00", "2026-11-30 00:00:00 +0000", "2026-12-07 00:00:00 +0000"},
		{"a week over a change of clocks and of the month", EveryWeek, "Europe/Berlin", "2026-03-29 12:00:00", "2026-03-23 00:00:00 +0100", "2026-03-30 00:00:00 +0200"},
		{"a short month", EveryMonth, "UTC", "2026-02-15 00:00:00", "2026-02-01 00:00:00 +0000", "2026-03-01 00:00:00 +0000"},
		{"a leap year", EveryMonth, "UTC", "2028-02-29 23:59:59", "2028-02-01 00:00:00 +0000", "2028-03-01 00:00:00 +0000"},
		{"the end of a long month", EveryMonth, "Europe/Berlin", "2026-10-31 22:59:59", "2026-10-01 00:00:00 +0200", "2026-11-01 00:00:00 +0100"},
		{"the end of the year", EveryMonth, "UTC", "2026-12-31 23:59:59", "2026-12-01 00:00:00 +0000", "2027-01-01 00:00:00 +0000"},
		{"the first of a month in the zone, not in UTC", EveryMonth, "Asia/Tokyo", "2026-04-30 15:00:00", "2026-05-01 00:00:00 +0900", "2026-06-01 00:00:00 +0900"},
	} {
		at, err := time.Parse(time.DateTime, test.at)
		if err != nil {
			t.Fatal(err)
		}
		b := Budget{Name: "b", Cap: price.USD, Every: test.every, Zone: test.zone}
		from, until := b.WindowAt(at)
		if f, u := from.Format(layout), until.Format(layout); f != test.from || u != test.until {
			t.Errorf("%s: [%s, %s), want [%s, %s)", test.name, f, u, test.from, test.until)
		}
	}
}

func TestWindowAtOfOthers(t *testing.T) {
	now := time.Date(2026, 11, 29, 7, 0, 0, 0, time.UTC)
	b := Budget{Window: 24 * time.Hour}
	if from, until := b.WindowAt(now); !from.Equal(now.Add(-24*time.Hour)) || !until.IsZero() {
		t.Errorf("a sliding window: %v, %v", from, until)
	}
	if from, until := Period("night").WindowAt(now); !from.IsZero() || !until.IsZero() {
		t.Errorf("no period: %v, %v", from, until)
	}
	if got := (&Budget{Every: EveryDay}).Location(); got != time.UTC {
		t.Errorf("a budget without a zone: %v", got)
	}
	if got := (&Limit{RequestsPerDay: 1}).Location(); got != nil {
		t.Errorf("a limit without a zone: %v", got)
	}
	if got := (&Limit{RequestsPerDay: 1, Zone: "America/Los_Angeles"}).Location(); got.String() != "America/Los_Angeles" {
		t.Error(got)
	}
}

func TestShares(t *testing.T) {
	for _, test := range []struct {
		cap     price.Pico
		percent int
		want    price.Pico
	}{
		{price.USD, 80, price.MustUSD("0.8")}, {1, 80, 0}, {199, 50, 99}, {maxCap, 100, maxCap}, {maxCap, 99, 3_960_000 * price.USD}, {price.USD, 0, 0},
	} {
		if got := (&Budget{Cap: test.cap}).Share(test.percent); got != test.want {
			t.Errorf("%d %% of %v: %v", test.percent, test.cap, got)
		}
	}
	for percent, want := range map[int]int{0: 80, 1: 1, 100: 100} {
		if got := (&Budget{WarnPercent: percent}).Warns(); got != want {
			t.Errorf("%d: %d", percent, got)
		}
	}
}

func BenchmarkWindowAt(b *testing.B) {
	now := time.Date(2026, 11, 29, 7, 0, 0, 0, time.UTC)
	for _, every := range periods {
		b.Run(string(every), func(b *testing.B) {
			budget := Budget{Every: every, Zone: "Europe/Berlin"}
			b.ReportAllocs()
			for b.Loop() {
				budget.WindowAt(now)
			}
		})
	}
}
