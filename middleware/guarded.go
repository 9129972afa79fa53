package middleware

import (
	"log/slog"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// guarded returns a func that calls what the program gave us. It runs while the call does, and sometimes on a timer's
// goroutine, where a panic would end the program: it is logged instead.
func guarded(f func(*ledger.Row), log *slog.Logger, whose string) func(*ledger.Row) {
	return func(row *ledger.Row) {
		defer func() {
			if p := recover(); p != nil {
				log.Error("skinflint: "+whose+" panicked", "panic", p)
			}
		}()
		f(row)
	}
}
