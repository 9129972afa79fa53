package middleware

import (
	"slices"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A reservation is what a call asks of limits and budgets, before each of its attempts.
type reservation struct {
	request  limit.Request
	learners []limit.LearningPermit // of the attempt; they learn from its answer
	counter  tokens.Counter         // counts the body; nil: it is not counted, or was
	counted  bool
	tokens   tokens.Estimate
	storage  []limit.Spender // whose permits count the storage of a context cache
}

// counts reports whether a row is of storage that budgets have already, or that a permit of the limiter counts.
func (c *call) counts(row *ledger.Row, by limit.Spender) bool {
	if row.Outcome != policy.Storage || row != c.storage {
		return false
	}
	return c.exposed || c.reserved != nil && slices.Contains(c.reserved.storage, by)
}

// spend gives a limiter a row that is money for which no permit stands: of storage, or of the result of an earlier call.
func (e *engine) spend(l limit.Spender, kind wire.Kind, row *ledger.Row) {
	if row.Outcome == policy.Storage || row.Settles || kind == wire.Poll {
		l.Spend(row)
		e.logNotices(l)
	}
}

// logNotices logs what budgets have to say: that much is spent, or more than the cap.
func (e *engine) logNotices(limiter any) {
	l, ok := limiter.(limit.Noticer)
	if !ok {
		return
	}
	for _, n := range l.Notices() {
		e.logger().Warn("skinflint: " + n.String())
	}
}
