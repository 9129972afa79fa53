package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// plainEvery is how often a line of progress is printed where there is no terminal.
const plainEvery = 10 * time.Second

// A progress shows how far a run is: a bar on a terminal, lines elsewhere.
type progress struct {
	mu      sync.Mutex
	out     io.Writer
	bar     *progressbar.ProgressBar // nil before the start and where there is no terminal
	total   int
	began   time.Time
	printed time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out} }

// isTerminal reports whether a writer is a terminal.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// start begins to show progress of so many lines.
func (p *progress) start(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total, p.began, p.printed = total, time.Now(), time.Now()
	if isTerminal(p.out) {
		p.bar = newBar(p.out, total, progressbar.OptionThrottle(100*time.Millisecond))
	}
}

// newBar returns a bar for so many lines.
func newBar(out io.Writer, total int, more ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions(total, append(more, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("lines"), progressbar.OptionSetWidth(20), progressbar.OptionUseANSICodes(true))...)
}

// show shows how many lines are done, and what they cost.
func (p *progress) show(done, failed, refused int, t ledger.Total) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Describe(money(failed, refused, t))
		p.bar.Set(done)
		return
	}
	if now := time.Now(); now.Sub(p.printed) >= plainEvery {
		p.printed = now
		fmt.Fprintf(p.out, "%d of %d lines, %.1f per second, %s\n", done, p.total, float64(done)/max(now.Sub(p.began).Seconds(), 0.001), money(failed, refused, t))
	}
}

// money says what was spent.
func money(failed, refused int, t ledger.Total) string {
	text := fmt.Sprintf("spent $%s, saved $%s", cents(t.Cost.String()), cents(t.Saved.String()))
	if t.Exposure.Sign() > 0 {
		text += ", may owe $" + cents(t.Exposure.String())
	}
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	if refused > 0 {
		text += fmt.Sprintf(", %d refused", refused)
	}
	return text
}

// cents cuts an exact amount off after four decimals.
func cents(amount string) string {
	for i := range amount {
		if amount[i] == '.' {
			return amount[:min(len(amount), i+5)]
		}
	}
	return amount
}

// end removes the bar.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Exit()
		fmt.Fprintln(p.out)
		p.bar = nil
	}
}

// say prints a line.
func (p *progress) say(format string, args ...any) {
	fmt.Fprintf(p, "batch: "+format+"\n", args...)
}

// Write prints text, such as that of a log, beside the bar.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear()
	}
	return p.out.Write(text)
}
