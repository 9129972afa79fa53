package llmtest_test

import (
	"fmt"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestSeed(t *testing.T) {
	run := func(seed uint64) (out string) {
		srv := llmtest.NewPipe(llmtest.Config{Seed: seed})
		defer srv.Close()
		for i := range 8 {
			mustSend(t, srv, body(fmt.Sprint(i)), 200)
			g := srv.Meter()[i]
			out += fmt.Sprintln(g.ID, g.Completion)
		}
		return out
	}
	if first, second := run(1), run(1); first != second {
		t.Error("one seed, two runs")
	}
	if run(1) == run(2) {
		t.Error("two seeds, one run")
	}
}
