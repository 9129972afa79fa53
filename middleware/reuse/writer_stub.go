package reuse

import (
	"github.com/skinflint-go/skinflint/policy/price"
	"time"
)

type WriterConfig struct{}
type Writer struct{}

func NewWriter(WriterConfig) *Writer { return new(Writer) }

type WriteRates struct {
	Input, Cached price.Pico
	Options       []WriteOption
}
type WriteOption struct {
	TTL   time.Duration
	Write price.Pico
}
type Writing struct{ Node, Option int }

func (w *Writer) Arrive(p Prompt, r WriteRates) *Writing        { return nil }
func (x *Writing) Answered(cached, written int64, at time.Time) {}
