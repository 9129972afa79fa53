package middleware

import (
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/tokens"
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
