package middleware

import (
	"log/slog"
	"net/http"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Ledger returns the link that keeps account: the store gets a row for each attempt, when its answer has been drained,
// closed, cut or forgotten, and one for each call that the links beneath refuse.
func Ledger(s ledger.Store) transport.Middleware {
	e := newEngine(policy.Policy{})
	e.governs = false
	e.serve(s, slog.Default())
	return e.ledger()
}

func (e *engine) ledger() transport.Middleware {
	return e.watcher(func(r *record, req *http.Request, next hop) (*http.Response, error) {
		r.account(e)
		return next.send(r, req)
	})
}
