package adaptertest

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

var flexFirst = policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}

// plan is a policy that asks for the flex tier, and changes nothing at providers that do not know it. Azure knows it, and
// rejects it.
func (a *Adapter) plan() policy.Policy {
	if a.Provider == "azure" {
		return policy.Policy{}
	}
	return flexFirst
}

// callCases are about what a call costs, and about what a policy and a context ask for.
func callCases(a *Adapter) []testCase {
	cs := []testCase{
		{name: "answers", setup: Setup{Config: llmtest.Config{CachedPercent: 50}, Policy: a.plan()}, test: answers},
		{name: "answer/tier", needs: []Ability{ReadTier}, modes: unaryOnly, test: answerTier},
		{name: "answer/usage", needs: []Ability{ReadUsage}, modes: unaryOnly, test: answerUsage},
		{name: "tracked", setup: Setup{Config: trackedConfig(a), Policy: a.plan()}, test: tracked},
		{name: "concurrent", setup: Setup{Policy: a.plan()}, modes: unaryOnly, test: concurrent},
	}
	if a.takes(policy.Flex) {
		cs = append(cs, testCase{name: "fallback", test: fallback,
			setup: Setup{Config: llmtest.Config{Flex: llmtest.Refuse(1), CachedPercent: 50}, Policy: flexFirst}})
	}
	if a.Provider == "azure" {
		cs = append(cs, testCase{name: "tier_rejected", test: tierRejected,
			setup: Setup{Config: llmtest.Config{CachedPercent: 50}, Policy: flexFirst}})
	}
	if a.takes(policy.Priority) {
		cs = append(cs, testCase{name: "context", setup: Setup{Config: llmtest.Config{CachedPercent: 50}}, test: contextOptions})
	}
	if a.CachedContent {
		cs = append(cs, testCase{name: "cache", setup: Setup{Policy: flexFirst}, test: cachedContent})
	}
	return cs
}

// longText is long enough that a part of it is reported as cached.
var longText = strings.Repeat("Does the provider remember this? ", 300)

// answers asks every model, with short and long texts, for the tier that the policy wants.
func answers(w *World) {
	for _, model := range w.adapter.Models {
		for _, text := range []string{"What does this cost?", longText} {
			if answer, err := w.askModel(w.Context(), model, text); err != nil || answer.Text == "" {
				w.Fatalf("answer %+v, error %v", answer, err)
			}
		}
	}
	rows := w.rows(2 * len(w.adapter.Models))
	if rows[0].Stream != w.stream || rows[1].Usage.CachedInput == 0 {
		w.Errorf("rows: %+v", rows)
	}
	want := ""
	if w.adapter.takes(policy.Flex) {
		want = "flex"
	}
	for _, r := range w.Server.Requests() {
		if r.Tier != want {
			w.Errorf("tier %q on the wire, want %q", r.Tier, want)
		}
		w.usageAskedFor(r)
	}
	w.Balance()
}

// usageAskedFor checks that the stack asked for the usage of a stream, where the provider has to be asked.
func (w *World) usageAskedFor(r llmtest.Request) {
	w.Helper()
	if w.stream && strings.HasSuffix(r.Path, "/chat/completions") && !r.IncludeUsage {
		w.Error("the usage of a stream was not asked for")
	}
}

func answerTier(w *World) {
	answer := w.must(w.Context(), "Who serves?")
	if g := w.meter(1)[0]; answer.Tier != g.Tier {
		w.Errorf("tier %q, want %q", answer.Tier, g.Tier)
	}
}

func answerUsage(w *World) {
	answer := w.must(w.Context(), "Who counts?")
	w.usage(answer, w.meter(1)[0])
}

// usage compares what the program reads with the meter. SDKs may count reasoning tokens apart.
func (w *World) usage(answer Answer, g llmtest.Generation) {
	w.Helper()
	if answer.Input != g.Prompt || answer.Output != g.Completion && answer.Output != g.Completion-g.Reasoning {
		w.Errorf("usage %d in, %d out; meter %+v", answer.Input, answer.Output, g)
	}
}

// fallback has the first call rejected on the flex tier. It is served on the standard tier, and the next on flex.
func fallback(w *World) {
	w.must(w.Context(), "Who waits?")
	w.must(w.Context(), longText)
	w.fellBack(w.rows(3))
	w.Balance()
	var flex []bool
	for _, r := range w.Server.Requests() {
		flex = append(flex, r.Tier == "flex")
	}
	if !slices.Equal(flex, []bool{true, false, true}) {
		w.Errorf("requests: %+v", w.Server.Requests())
	}
}

// fellBack checks the rows of a call that fell back and of one that did not.
func (w *World) fellBack(rows []ledger.Row) {
	w.Helper()
	rejected := ledger.Row{
		Outcome: policy.Rejected, Evidence: w.adapter.flexEvidence(), Reason: policy.Capacity, AskedTier: policy.Flex,
		Status: w.Server.Requests()[0].Status, Cost: ledger.Known(0),
	}
	r := rows[0]
	if got := (ledger.Row{
		Outcome: r.Outcome, Evidence: r.Evidence, Reason: r.Reason, AskedTier: r.AskedTier, Status: r.Status, Cost: r.Cost,
	}); !reflect.DeepEqual(got, rejected) {
		w.Errorf("first attempt: %+v", r)
	}
	if r := rows[1]; r.Outcome != policy.Billed || r.AskedTier != policy.Standard || r.ServedTier != policy.Standard ||
		!r.Cost.Known || r.Call != rows[0].Call || r.Stream != w.stream {
		w.Errorf("second attempt: %+v", r)
	}
	if r := rows[2]; r.Call == rows[0].Call || r.ServedTier != policy.Flex || r.Usage.CachedInput == 0 {
		w.Errorf("second call: %+v", r)
	}
}

// tierRejected asks for a tier that the model does not have. The call is served on the standard tier.
func tierRejected(w *World) {
	ctx, call := policy.Track(w.Context())
	w.must(ctx, longText)
	rows := w.rows(2)
	if r := rows[0]; r.Outcome != policy.Rejected || r.AskedTier != policy.Flex || r.Cost != ledger.Known(0) {
		w.Errorf("first attempt: %+v", r)
	}
	if cost, complete := call.Cost(); !complete || cost.String() != rows[1].Cost.String() || call.Attempts() != 2 || call.Err() != nil {
		w.Errorf("tracked: %d attempts, cost %v, error %v; row: %+v", call.Attempts(), cost, call.Err(), rows[1])
	}
	w.Balance()
}

// flexEvidence is how it is known that a call without room on the flex tier is free.
func (a *Adapter) flexEvidence() policy.Evidence {
	if a.Provider == "gemini" {
		return policy.Reported
	}
	return policy.Documented
}

// trackedConfig makes the provider reject the first attempt of a call: for a lack of flex capacity, if it has that tier.
func trackedConfig(a *Adapter) llmtest.Config {
	if a.takes(policy.Flex) {
		return llmtest.Config{Flex: llmtest.Refuse(1)}
	}
	return llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited)}
}

// tracked follows a call of two attempts by policy.Track.
func tracked(w *World) {
	ctx, call := policy.Track(policy.With(w.Context(), policy.Tag("tenant", "acme")))
	w.must(ctx, "Who follows this?")
	row := w.rows(2)[1]
	cost, complete := call.Cost()
	if call.Attempts() != 2 || call.Tier() != policy.Standard || call.Err() != nil || !complete || cost.String() != row.Cost.String() ||
		row.Tags["tenant"] != "acme" || row.Stream != w.stream {
		w.Errorf("tracked: %d attempts, tier %q, cost %v, error %v; row: %+v", call.Attempts(), call.Tier(), cost, call.Err(), row)
	}
}

// contextOptions asks for a tier, and gives a tag and a time to finish by, for one call.
func contextOptions(w *World) {
	ctx, call := policy.Track(w.Context())
	ctx = policy.With(ctx, policy.OnTier(policy.Priority), policy.Tag("tenant", "acme"), policy.FinishBy(time.Now().Add(time.Minute)))
	w.must(ctx, longText)
	if got := w.Server.Requests()[0].Tier; got != "priority" {
		w.Errorf("tier on the wire: %q", got)
	}
	row := w.rows(1)[0]
	if row.ServedTier != policy.Priority || row.Tags["tenant"] != "acme" || row.Stream != w.stream || row.Usage.CachedInput == 0 {
		w.Errorf("row: %+v", row)
	}
	cost, complete := call.Cost()
	if call.Attempts() != 1 || call.Tier() != policy.Priority || call.Err() != nil || !complete || cost.String() != row.Cost.String() {
		w.Errorf("tracked: %d attempts, tier %q, cost %v, error %v; row: %+v", call.Attempts(), call.Tier(), cost, call.Err(), row)
	}
	if w.adapter.Provider != "gemini" && w.adapter.Provider != "vertex" { // for whose priority tier rates has no price
		w.Balance()
	}
}

// cachedContent reads from a context cache, and then names one that has died.
func cachedContent(w *World) {
	name := w.Server.NewCache(w.adapter.CachePath+w.adapter.model(), 20_000, time.Hour)
	ctx := policy.With(w.Context(), policy.CachedContent(name))
	w.must(ctx, "Who remembers?")
	if row := w.rows(1)[0]; row.Cache != name || row.Usage.CachedInput != 20_000 {
		w.Errorf("row: %+v", row)
	}
	w.Balance()

	w.Server.KillCache(name)
	_, err := w.ask(ctx, "Who forgets?")
	status := 0
	if err != nil {
		status = w.adapter.Failure(err).Status
	}
	if status/100 != 4 || w.adapter.Provider == "gemini" && status != http.StatusForbidden {
		w.Errorf("error %v, status %d", err, status)
	}
	if row := w.rows(2)[1]; row.Outcome != policy.Rejected {
		w.Errorf("row: %+v", row)
	}
}

// concurrent makes many calls and streams at once.
func concurrent(w *World) {
	const n = 50
	errs := make(chan error)
	for i := range n {
		ask := w.Client.Ask
		if i%2 == 0 {
			ask = w.Client.Stream
		}
		go func() {
			_, err := ask(context.WithoutCancel(w.Context()), w.adapter.model(), strings.Repeat("Who? ", i+1))
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			w.Error(err)
		}
	}
	w.Wire(n, n)
	for _, row := range w.rows(n) {
		if row.Outcome != policy.Billed {
			w.Errorf("row: %+v", row)
		}
	}
}
