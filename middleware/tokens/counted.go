package tokens

import (
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Counted returns what an attempt counts for when it has ended, as the provider counts. asked is what [Learner.Asked]
// returned for it, and row is nil if it was never sent.
func Counted(c *wire.Call, m wire.Metering, asked limit.Tokens, row *ledger.Row) limit.Count {
	if row == nil {
		return limit.Count{}
	}
	return limit.Count{Requests: 1, Tokens: asked, Row: row}
}
