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
	//go:embed scripts/sweep.lua
	sweepLua string
	//go:embed scripts/gate.lua
	gateLua string
	//go:embed scripts/money.lua
	moneyLua string

	reserveScript = withCommon(reserveLua)
	settleScript  = withCommon(settleLua)
	helloScript   = newScript(helloLua)
	leaseScript   = redis.NewScript(leaseLua)
	sweepScript   = redis.NewScript(sweepLua)
)

// A script is one that replies with numbers: see common.lua.
type script struct {
	*redis.Script
	hash any // its hash, as an argument of a command
}

func newScript(text string) *script {
	s := redis.NewScript(text)
	return &script{s, s.Hash()}
}

// load gives the script to the server.
func (s *script) load(ctx context.Context, client redis.UniversalClient) error {
	return s.Script.Load(ctx, client).Err()
}

// withCommon returns a script with what the scripts share. See common.lua.
func withCommon(text string) *script {
	return newScript(commonLua + strings.NewReplacer("--include gate.lua", gateLua, "--include money.lua", moneyLua).Replace(text))
}

// What a script replies first.
const (
	replyDone      = 0
	replyRefused   = 1
	replyClosed    = 2  // budgets are closed
	replyVersion   = 3  // the keys are of another version
	replyClock     = 4  // the windows do not fit Redis's time
	replyCancelled = 5  // the attempt was cancelled before
	replyOther     = 6  // the data is not that which this process knows
	replyUncounted = 10 // what was spent of a budget is not counted yet
	replyAnother   = 11 // the attempt is under way, and holds something else
)

// A reply is what a script replies: numbers, or two and the group's state.
type reply struct {
	n     []int64
	state string
}

func (r *reply) code() int64 { return r.n[0] }

// replyOf reads what a script replied: see common.lua.
func replyOf(text string, err error) (r reply, _ error) {
	if err != nil {
		return r, err
	}
	r.n = make([]int64, 0, 10)
	for b := text; b != ""; {
		if n := size(b); n > 0 && n <= len(b) {
			r.n = append(r.n, number(b[:n]))
			b = b[n:]
			continue
		}
		start, n := textSize(b)
		if start == 0 || start+n > len(b) {
			return r, fmt.Errorf("the script replied %q", text)
		}
		r.state = b[start : start+n]
		b = b[start+n:]
	}
	if len(r.n) < 2 {
		return r, fmt.Errorf("the script replied %q", text)
	}
	return r, nil
}

// runScript runs a script that replies with numbers.
func (s *Store) runScript(ctx context.Context, script *script, keys []string, args ...any) (reply, error) {
	cmd := evalSha(ctx, script, anys(keys), args...)
	err := s.client.Process(ctx, cmd)
	if isNoScript(err) {
		if err = script.load(ctx, s.client); err == nil {
			cmd = evalSha(ctx, script, anys(keys), args...)
			err = s.client.Process(ctx, cmd)
		}
	}
	return replyOf(cmd.Val(), err)
}

func anys(texts []string) []any {
	all := make([]any, len(texts))
	for i, t := range texts {
		all[i] = t
	}
	return all
}

// evalSha returns a command that runs a script that the server has.
func evalSha(ctx context.Context, script *script, keys []any, args ...any) *redis.StringCmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", script.hash, len(keys))
	all = append(all, keys...)
	cmd := redis.NewStringCmd(ctx, append(all, args...)...)
	cmd.SetFirstKeyPos(3)
	return cmd
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
