package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

func spentTotal() (t ledger.Total) {
	t.Cost.Add(price.MustUSD("1.23456789"))
	t.Saved.Add(price.MustUSD("0.5"))
	return t
}

// TestPlainProgress prints a line every ten seconds where there is no terminal.
func TestPlainProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out)
		p.start(1000)
		for n := range 250 {
			time.Sleep(100 * time.Millisecond)
			p.show(n+1, 2, 0, spentTotal())
		}
		p.say("that is %s", "all")
		p.end()
		want := "100 of 1000 lines, 10.0 per second, spent $1.2345, saved $0.5, 2 failed\n" +
			"200 of 1000 lines, 10.0 per second, spent $1.2345, saved $0.5, 2 failed\n" +
			"batch: that is all\n"
		if out.String() != want {
			t.Errorf("%s", out.String())
		}
	})
}

// TestBar draws the bar of a terminal.
func TestBar(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.total, p.began = 10, time.Now()
	p.bar = newBar(&out, 10, progressbar.OptionThrottle(0))
	total := spentTotal()
	total.Exposure.Add(price.USD)
	p.show(4, 1, 3, total)
	p.say("a message")
	p.end()
	for _, want := range []string{"spent $1.2345, saved $0.5, may owe $1, 1 failed, 3 refused", "4/10", "batch: a message\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	if p.bar != nil {
		t.Error("the bar goes on")
	}
}

func TestIsTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(new(bytes.Buffer)) {
		t.Error("a file is a terminal")
	}
}

func TestCents(t *testing.T) {
	for amount, want := range map[string]string{"0": "0", "1.5": "1.5", "1.23456": "1.2345", "-0.00001": "-0.0000"} {
		if got := cents(amount); got != want {
			t.Errorf("%s: %s, want %s", amount, got, want)
		}
	}
}
