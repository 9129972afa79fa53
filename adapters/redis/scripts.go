package redis

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed scripts/common.lua
	commonLua string
	//go:embed scripts/reserve.lua
	reserveLua string
	//go:embed scripts/settle.lua
	settleLua string
	//go:embed scripts/hello.lua
	helloLua string
	//go:embed scripts/lease.lua
	leaseLua string

	reserveScript = redis.NewScript(commonLua + reserveLua)
	settleScript  = redis.NewScript(commonLua + settleLua)
	helloScript   = redis.NewScript(helloLua)
	leaseScript   = redis.NewScript(leaseLua)
)

// What a script replies first.
const (
	replyDone      = 0
	replyRefused   = 1
	replyClosed    = 2 // budgets are closed
	replyVersion   = 3 // the keys are of another version
	replyClock     = 4 // the windows do not fit Redis's time
	replyCancelled = 5 // the attempt was cancelled before
	replyOther     = 6 // the data is not that which this process knows
)

// A reply is what a script replies: numbers, or two and the group's state.
type reply struct {
	n     []int64
	state string
}

func (r *reply) code() int64 { return r.n[0] }

// replyOf reads what a script replied.
func replyOf(v any, err error) (r reply, _ error) {
	if err != nil {
		return r, err
	}
	list, ok := v.([]any)
	if !ok || len(list) < 2 {
		return r, fmt.Errorf("the script replied %T", v)
	}
	r.n = make([]int64, 0, len(list))
	for _, x := range list {
		switch x := x.(type) {
		case int64:
			r.n = append(r.n, x)
		case string:
			r.state = x
		default:
			return r, fmt.Errorf("the script replied %T", x)
		}
	}
	return r, nil
}

// runScript runs a script that replies with numbers.
func (s *Store) runScript(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply, error) {
	return replyOf(script.Run(ctx, s.client, keys, args...).Result())
}

// isNoScript reports whether the server does not have a script.
func isNoScript(err error) bool { return err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") }

// isConfigError reports whether Redis answers, and will not do what is asked whenever it is asked again: as for a wrong password.
func isConfigError(err error) bool {
	for _, p := range []string{"NOAUTH", "WRONGPASS", "NOPERM", "WRONGTYPE"} {
		if redis.HasErrorPrefix(err, p) {
			return true
		}
	}
	return false
}

// splitState returns the parts of a group's state: "VERSION ok DATA", or "VERSION WORD ..." if budgets are closed.
func splitState(state string) (version, word, data string) {
	version, rest, _ := strings.Cut(state, " ")
	word, data, _ = strings.Cut(rest, " ")
	return version, word, data
}
