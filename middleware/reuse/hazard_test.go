package reuse

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A process of two kinds of prefixes: those that are used again after an exponential time, and those that rarely are. The
// learner has to find the rate of each.
func TestLearnerCalibrated(t *testing.T) {
	for _, mean := range []time.Duration{2 * time.Second, 30 * time.Second, 10 * time.Minute} {
		random := rand.New(rand.NewPCG(1, uint64(mean)))
		l := newLearner(-4.5, 3, 2, 5000)
		again := map[int][]ticket{}
		of := func(kind int) (f traits) {
			f.aged = [3]uint16{uint16(kind), 2, 2}
			f.add(kind)
			return f
		}
		step := mean / 100
		for i := range 60_000 {
			at := time.Duration(i) * step
			l.advance(at)
			for _, ticket := range again[i] {
				l.used(ticket)
			}
			delete(again, i)
			for kind, returns := range []float64{0.9, 0.1} {
				ticket := l.begin(at, of(kind))
				if random.Float64() < returns {
					after := i + 1 + int(random.ExpFloat64()*100)
					again[after] = append(again[after], ticket)
				}
			}
		}
		for kind, returns := range []float64{0.9, 0.1} {
			f := of(kind)
			want := returns * (1 - math.Exp(-1))
			if got := l.within(&f, mean); math.Abs(got-want) > 0.2*want+0.01 {
				t.Errorf("mean %v, kind %d: within %v: %.3f, want %.3f", mean, kind, mean, got, want)
			}
		}
	}
}

func TestLearnerForgetsTheOldestUse(t *testing.T) {
	l := newLearner(0, 1, 1, 3)
	var f traits
	var tickets []ticket
	for i := range 10 {
		tickets = append(tickets, l.begin(time.Duration(i)*time.Minute, f))
		l.advance(time.Duration(i) * time.Minute)
	}
	for i, ticket := range tickets {
		if got, want := l.find(ticket) != nil, i >= 7; got != want {
			t.Errorf("use %d waits: %v, want %v", i, got, want)
		}
	}
}

func TestLearnerNeverUsed(t *testing.T) {
	l := newLearner(-2.7, 1, 1, 100)
	var f traits
	for i := range 3000 {
		l.advance(time.Duration(i) * time.Minute)
		l.begin(time.Duration(i)*time.Minute, f)
	}
	if got := l.within(&f, time.Hour); got > 0.02 {
		t.Errorf("within an hour %.3f, want nearly 0", got)
	}
}

// What an answer adds is not known at first. The hazard without it is the mean over all answers.
func TestLearnerBeforeAnswer(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	l := newLearner(-4.5, ageds, flats, 5000)
	l.blank = beforeAnswer
	is := circumstances{turn: 1, size: 2}
	again := map[int][]ticket{}
	for i := range 40_000 {
		at := time.Duration(i) * time.Second
		l.advance(at)
		for _, ticket := range again[i] {
			l.used(ticket)
		}
		delete(again, i)
		ticket := l.begin(at, is.tip(0))
		output, returns := 3, 0.8
		if i%2 == 0 {
			output, returns = 7, 0.2
		}
		l.revise(ticket, is.tip(output))
		if random.Float64() < returns {
			after := i + 1 + random.IntN(60)
			again[after] = append(again[after], ticket)
		}
	}
	for output, want := range map[int]float64{0: 0.5, 3: 0.8, 7: 0.2} {
		f := is.tip(output)
		if got := l.within(&f, 2*time.Minute); math.Abs(got-want) > 0.12 {
			t.Errorf("output class %d: %.2f, want %.1f", output, got, want)
		}
	}
}
