package reconcile

import (
	"cmp"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// Config configures [Compare]. The zero value compares all rows with the bill, and assumes that each line of the bill is
// rounded to a millionth of a dollar.
type Config struct {
	// Provider is the provider whose bill it is, as rows name it. Rows of other providers are ignored. If it is empty, no row
	// is.
	Provider string
	// Rounding is what the lines of the bill are rounded to, for example a cent. A difference of up to half of it per line is
	// ignored. Default: a millionth of a dollar. The exact value is 1, a picodollar.
	Rounding price.Pico
	// Boundary is how close to midnight a call may be billed on the other day. Default: an hour. At most 12 hours.
	Boundary time.Duration
	// Complete is the time until which the bill is complete. Bills are hours late, so nothing is resolved on a day that ends
	// after it. The zero time says that the whole bill is complete.
	Complete time.Time
	// Prices are the prices by which the rows were priced. Default: those of [price.Embedded].
	Prices *price.Catalog
}

// defaultRounding is a millionth of a dollar.
const defaultRounding = price.USD / 1e6

const maxBoundary = 12 * time.Hour

// check fills in the defaults.
func (c *Config) check() error {
	c.Rounding = cmp.Or(c.Rounding, defaultRounding)
	c.Boundary = cmp.Or(c.Boundary, time.Hour)
	if c.Prices == nil {
		c.Prices = price.Embedded()
	}
	switch {
	case c.Rounding < 0:
		return fmt.Errorf("reconcile: Config.Rounding is $%s: it must not be negative", c.Rounding)
	case c.Boundary < 0 || c.Boundary > maxBoundary:
		return fmt.Errorf("reconcile: Config.Boundary is %s: it must be from 0 to %s", c.Boundary, maxBoundary)
	}
	return nil
}
