package middleware_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// statedCosts are real calls of which the provider said what it charged. They are kept outside of the repository.
const statedCosts = "../../shared/data/traffic/costs.jsonl.gz"

// A statedCost is one of them.
type statedCost struct {
	Host         string          `json:"provider"`
	Path         string          `json:"path"`
	Model        string          `json:"model"` // that served
	RequestModel string          `json:"request_model"`
	Upstream     string          `json:"upstream"` // whom OpenRouter had it served by
	Usage        json.RawMessage `json:"usage"`
	Stream       bool            `json:"is_stream"`
	Source       string          `json:"source"`

	stated price.Pico   // what the provider says that it charged
	counts price.Usage  // by the oracle
	parts  []*statedCut // of stated, if the provider states them
}

// A statedCut is what a provider says that some of the tokens cost.
type statedCut struct {
	counts price.Usage
	cost   price.Pico
}

// TestStatedCosts checks our arithmetic against what providers say that they charged. The calls of each provider, model
// and upstream are numbered. From the even ones prices per token are worked out, by solving for them exactly: whole
// picodollars that explain most of those calls. The odd ones then go through the whole stack with a catalog of these
// prices, and their rows have to cost what the provider charged, to the picodollar. No price is fitted to a call that it
// judges, and all calls of a group have the same.
func TestStatedCosts(t *testing.T) {
	groups := readStated(t)
	all := map[string]*judgement{}
	table := new(bytes.Buffer)
	w := tabwriter.NewWriter(table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "provider\tmodel\tupstream\tcalls\teven\texplained\tjudged\tequal\tdiffering\tnot judged\t"+
		"prices per million, and why calls differ or are not judged")
	for _, key := range slices.SortedFunc(maps.Keys(groups), statedKey.compare) {
		j := key.judge(t, groups[key])
		if sum := all[key.host]; sum == nil {
			all[key.host] = j
		} else {
			sum.add(j)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", key.host, cmp.Or(key.model, "-")+" "+key.operation, cmp.Or(key.upstream, "-"), j)
	}
	for _, host := range slices.Sorted(maps.Keys(all)) {
		sum := all[host]
		sum.prices = nil
		fmt.Fprintf(w, "%s\tall\t\t%s\n", host, sum)
	}
	w.Flush()
	t.Logf("\n%s", table)
	for host, least := range map[string]int{"api.x.ai": 100, "openrouter.ai": 95} {
		if sum := all[host]; sum == nil || sum.judged == 0 || sum.equal*100 < least*sum.judged {
			t.Errorf("%s: %+v: fewer than %d %% of the judged calls cost what the provider says", host, sum, least)
		}
	}
}

// ---- the data

// A statedKey says which calls have one list of prices.
type statedKey struct{ host, model, upstream, operation string }

func (k statedKey) compare(l statedKey) int {
	return cmp.Or(cmp.Compare(k.host, l.host), cmp.Compare(k.model, l.model), cmp.Compare(k.operation, l.operation),
		cmp.Compare(k.upstream, l.upstream))
}

func readStated(t *testing.T) map[statedKey][]*statedCost {
	t.Helper()
	groups := map[statedKey][]*statedCost{}
	d := sharedLines(t, "the file of stated costs", statedCosts)
	for n := 0; ; n++ {
		x := new(statedCost)
		err := d.Decode(x)
		if err == io.EOF {
			return groups
		}
		if err == nil {
			err = x.read()
		}
		if err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
		path, _, _ := strings.Cut(x.Path, "?")
		key := statedKey{x.Host, x.Model, x.Upstream, path[strings.LastIndexByte(path, '/')+1:]}
		groups[key] = append(groups[key], x)
	}
}

// read reads what the usage says, by the oracle and by nothing of this library's.
func (x *statedCost) read() (err error) {
	usage, ok := parse(string(x.Usage)).(object)
	if !ok {
		return errors.New("its usage is no object")
	}
	how := countOpenAI
	if strings.HasSuffix(x.Path, "/embeddings") {
		how = countEmbeddings
	}
	x.counts, _, _ = openAICounts(usage, how)
	for _, place := range []struct {
		o     object
		key   string
		scale int64 // picodollars
	}{{usage, "cost_in_usd_ticks", 100}, {usage, "cost", int64(price.USD)}, {at(usage, "cost"), "total_cost", int64(price.USD)}} {
		if n, ok := place.o[place.key].(json.Number); ok {
			x.stated, err = picosOf(n, place.scale)
			if err != nil {
				return err
			}
		}
	}
	// OpenRouter also states the halves of its cost, unless there was a discount on their sum.
	details := at(usage, "cost_details")
	in, ok := details["upstream_inference_prompt_cost"].(json.Number)
	out, also := details["upstream_inference_completions_cost"].(json.Number)
	if !ok || !also {
		return nil
	}
	prompt, err := picosOf(in, int64(price.USD))
	if err != nil {
		return err
	}
	completion, err := picosOf(out, int64(price.USD))
	if err == nil && prompt+completion == x.stated {
		u := x.counts
		x.parts = []*statedCut{
			{price.Usage{Input: u.Input, CachedInput: u.CachedInput, CacheWrite: u.CacheWrite, AudioInput: u.AudioInput}, prompt},
			{price.Usage{Output: u.Output, AudioOutput: u.AudioOutput, ImageOutput: u.ImageOutput}, completion},
		}
	}
	return err
}

// picosOf returns a number of so many picodollars each, rounded to the nearest: one call has a cost that is finer.
func picosOf(n json.Number, scale int64) (price.Pico, error) {
	r, ok := new(big.Rat).SetString(string(n))
	if !ok || r.Sign() < 0 {
		return 0, fmt.Errorf("%q is no amount of money", n)
	}
	r.Mul(r, new(big.Rat).SetInt64(scale)).Add(r, big.NewRat(1, 2))
	whole := new(big.Int).Quo(r.Num(), r.Denom())
	if !whole.IsInt64() {
		return 0, fmt.Errorf("%q is more than picodollars can be counted", n)
	}
	return price.Pico(whole.Int64()), nil
}

// ---- the prices

// statedCounters are the counts that these calls have, as a catalog calls them.
var statedCounters = []struct {
	name string
	of   func(*price.Usage) int64
}{
	{"input", func(u *price.Usage) int64 { return u.Input }},
	{"cached_input", func(u *price.Usage) int64 { return u.CachedInput }},
	{"cache_write", func(u *price.Usage) int64 { return u.CacheWrite }},
	{"audio_input", func(u *price.Usage) int64 { return u.AudioInput }},
	{"output", func(u *price.Usage) int64 { return u.Output }},
	{"audio_output", func(u *price.Usage) int64 { return u.AudioOutput }},
	{"image_output", func(u *price.Usage) int64 { return u.ImageOutput }},
}

// A priceList has picodollars per token, by the index of the counter.
type priceList map[int]int64

// explains reports whether the call cost just what the list says.
func (p priceList) explains(x *statedCost) bool { return p.cost(&x.counts) == int64(x.stated) }

func (p priceList) cost(u *price.Usage) (sum int64) {
	for c, counter := range statedCounters {
		sum += p[c] * counter.of(u)
	}
	return sum
}

// explained is how many of the calls the list explains.
func (p priceList) explained(calls []*statedCost) (n int) {
	for _, x := range calls {
		if p.explains(x) {
			n++
		}
	}
	return n
}

// knows reports whether the list has a price for all that the usage counts.
func (p priceList) knows(u *price.Usage) bool {
	for c, counter := range statedCounters {
		if _, ok := p[c]; !ok && counter.of(u) > 0 {
			return false
		}
	}
	return true
}

// String is the list in US dollars per million.
func (p priceList) String() string {
	var prices []string
	for c, counter := range statedCounters {
		if each, ok := p[c]; ok {
			prices = append(prices, counter.name+" "+price.Pico(each*1_000_000).String())
		}
	}
	return strings.Join(prices, ", ")
}

// catalog is the list as a catalog's only prices, with so much for a request on top, if anything.
func (p priceList) catalog(t *testing.T, provider, model string, request price.Pico) *price.Catalog {
	t.Helper()
	prices := map[string]map[string]string{"usd_per_million": {}}
	for c, each := range p {
		prices["usd_per_million"][statedCounters[c].name] = price.Pico(each * 1_000_000).String()
	}
	if request > 0 {
		prices["usd_per_thousand"] = map[string]string{"requests": (request * 1000).String()}
	}
	text, err := json.Marshal(map[string]any{"providers": map[string]any{provider: map[string]any{"models": map[string]any{model: map[string]any{
		"periods": []any{map[string]any{"source": "the even calls", "tiers": map[string]any{"standard": []any{prices}}}},
	}}}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := price.Parse("stated", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fit returns the list of prices that explains most of the calls, the first of several; nil if they do not determine one. It
// tries those that follow from just as many equations as there are prices.
func fit(calls []*statedCost) (best priceList) {
	var active []int
	for c, counter := range statedCounters {
		if slices.ContainsFunc(calls, func(x *statedCost) bool { return counter.of(&x.counts) > 0 }) {
			active = append(active, c)
		}
	}
	equations := equationsOf(calls, active)
	most := 0
	choose(len(equations), len(active), func(chosen []int) (more bool) {
		rows := make([][]int64, len(chosen))
		for i, n := range chosen {
			rows[i] = equations[n]
		}
		solution := solve(rows)
		if solution == nil {
			return true
		}
		list := priceList{}
		for i, c := range active {
			list[c] = solution[i]
		}
		if n := list.explained(calls); n > most {
			best, most = list, n
		}
		return most < len(calls)
	})
	return best
}

// equationsOf are what the calls say of the prices, each once: the counts and, last, their cost.
func equationsOf(calls []*statedCost, active []int) (equations [][]int64) {
	add := func(u *price.Usage, cost price.Pico) {
		equation := make([]int64, 0, len(active)+1)
		for _, c := range active {
			equation = append(equation, statedCounters[c].of(u))
		}
		equation = append(equation, int64(cost))
		if !slices.ContainsFunc(equations, func(e []int64) bool { return slices.Equal(e, equation) }) {
			equations = append(equations, equation)
		}
	}
	for _, x := range calls {
		if x.parts == nil {
			add(&x.counts, x.stated)
		}
		for _, part := range x.parts {
			add(&part.counts, part.cost)
		}
	}
	return equations
}

// choose calls f with each way to choose k of n, in order, until it says that it needs no more.
func choose(n, k int, f func([]int) bool) {
	chosen := make([]int, k)
	var next func(from, at int) bool
	next = func(from, at int) bool {
		if at == k {
			return f(chosen)
		}
		for i := from; i <= n-(k-at); i++ {
			if chosen[at] = i; !next(i+1, at+1) {
				return false
			}
		}
		return true
	}
	if k > 0 {
		next(0, 0)
	}
}

// solve solves as many linear equations as there are unknowns, exactly; nil if there is no one solution in whole numbers
// from 0.
func solve(equations [][]int64) []int64 {
	n := len(equations)
	m := make([][]*big.Int, n)
	for i, e := range equations {
		for _, v := range e {
			m[i] = append(m[i], big.NewInt(v))
		}
	}
	var a, b big.Int
	for c := range n {
		pivot := slices.IndexFunc(m[c:], func(row []*big.Int) bool { return row[c].Sign() != 0 })
		if pivot < 0 {
			return nil
		}
		m[c], m[c+pivot] = m[c+pivot], m[c]
		for i := range m {
			if i == c || m[i][c].Sign() == 0 {
				continue
			}
			factor := new(big.Int).Set(m[i][c])
			for j := range m[i] {
				m[i][j] = new(big.Int).Sub(a.Mul(m[i][j], m[c][c]), b.Mul(m[c][j], factor))
			}
		}
	}
	solution := make([]int64, n)
	for i := range m {
		value, rest := new(big.Int).QuoRem(m[i][n], m[i][i], new(big.Int))
		if rest.Sign() != 0 || value.Sign() < 0 || !value.IsInt64() {
			return nil
		}
		solution[i] = value.Int64()
	}
	return solution
}

// ---- the verdict

// A judgement is what came of the calls of a group, or of several.
type judgement struct {
	calls, judged, equal int
	free                 int // of the equal ones, those that cost nothing
	novel                int // of the equal ones, those whose counts no even call has
	prices               priceList
	fitted, explained    int // even calls, and those that the prices explain
	why                  map[string]int
	unjudged             map[string]int
}

func (j *judgement) add(k *judgement) {
	j.calls, j.judged, j.equal, j.free = j.calls+k.calls, j.judged+k.judged, j.equal+k.equal, j.free+k.free
	j.novel, j.fitted, j.explained = j.novel+k.novel, j.fitted+k.fitted, j.explained+k.explained
	for reason, n := range k.why {
		j.why[reason] += n
	}
	for reason, n := range k.unjudged {
		j.unjudged[reason] += n
	}
}

func (j *judgement) String() string {
	var notes []string
	if j.prices != nil {
		notes = append(notes, j.prices.String())
	}
	if j.novel > 0 {
		notes = append(notes, fmt.Sprintf("%d equal ones have counts that no even one has", j.novel))
	}
	if j.free > 0 {
		notes = append(notes, fmt.Sprintf("%d equal ones are free", j.free))
	}
	for _, reasons := range []map[string]int{j.why, j.unjudged} {
		for _, reason := range slices.Sorted(maps.Keys(reasons)) {
			notes = append(notes, fmt.Sprintf("%d %s", reasons[reason], reason))
		}
	}
	unjudged := 0
	for _, n := range j.unjudged {
		unjudged += n
	}
	return fmt.Sprintf("%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s",
		j.calls, j.fitted, j.explained, j.judged, j.equal, j.judged-j.equal, unjudged, strings.Join(notes, "; "))
}

// judge works out the prices of a group from its even calls, and judges its odd ones by them.
func (k statedKey) judge(t *testing.T, calls []*statedCost) *judgement {
	j := &judgement{calls: len(calls), why: map[string]int{}, unjudged: map[string]int{}}
	var even, odd []*statedCost
	for i, x := range calls {
		if i%2 == 0 {
			even = append(even, x)
		} else {
			odd = append(odd, x)
		}
	}
	perplexity := k.host == "api.perplexity.ai" && k.operation == "completions"
	if perplexity {
		even = withoutFee(t, even)
	}
	switch {
	case k.model == "" || !slices.Contains([]string{"completions", "responses", "embeddings"}, k.operation):
		j.unjudged["of an operation that is not read, or without a model's name"] = len(calls)
		return j
	case len(odd) == 0:
		j.unjudged["alone: no other has its prices"] = len(calls)
		return j
	}
	j.fitted = len(even)
	switch j.prices = fit(even); {
	case j.prices == nil:
		j.unjudged["whose even calls do not determine all prices"] = len(odd)
		return j
	case perplexity:
		k.judgePerplexity(t, j, odd)
	default:
		k.judgeOdd(t, j, calls, even, odd)
	}
	j.explained = j.prices.explained(even)
	return j
}

// judgeOdd judges calls by the group's prices.
func (k statedKey) judgeOdd(t *testing.T, j *judgement, calls, even, odd []*statedCost) {
	provider := strings.TrimSuffix(strings.TrimPrefix(k.host, "api."), ".ai")
	if provider == "x" {
		provider = "xai"
	}
	prices := j.prices.catalog(t, provider, k.model, 0)
	var differing []*statedCost
	for _, x := range odd {
		row := x.row(t, prices)
		switch {
		case !j.prices.knows(&row.Usage):
			j.unjudged["that count what no even call does"]++
			continue
		case row.Reported != ledger.Known(x.stated):
			t.Errorf("%s: reported %v, stated %s", x.Source, row.Reported, x.stated)
		}
		if j.judged++; row.Cost == ledger.Known(x.stated) {
			j.equal++
			if x.stated == 0 {
				j.free++
			}
			if !slices.ContainsFunc(even, func(y *statedCost) bool { return y.counts == x.counts }) {
				j.novel++
			}
			continue
		}
		differing = append(differing, x)
		if row.Usage != x.counts || row.Cost != ledger.Known(price.Pico(j.prices.cost(&x.counts))) {
			j.why["are counted otherwise than by the oracle"]++
			t.Errorf("%s: cost %v, usage %+v, unpriced %q", x.Source, row.Cost, row.Usage, row.Unpriced)
			differing = differing[:len(differing)-1]
		}
	}
	j.explain("", calls, differing)
	j.explain("(even) ", calls, slices.DeleteFunc(slices.Clone(even), j.prices.explains))
}

// explain notes why calls differ, though they are counted as the oracle does: most often because other prices were in
// force at other times, which are then those of at least three calls.
func (j *judgement) explain(which string, calls, differing []*statedCost) {
	rest := slices.DeleteFunc(slices.Clone(calls), j.prices.explains)
	for len(differing) > 0 {
		list := fit(rest)
		if list == nil || list.explained(rest) < 3 {
			break
		}
		if n := list.explained(differing); n > 0 {
			j.why[which+fmt.Sprintf("had other prices, as %d calls here: %s", list.explained(rest), list)] = n
		}
		rest = slices.DeleteFunc(rest, list.explains)
		differing = slices.DeleteFunc(differing, list.explains)
	}
	for _, x := range differing {
		j.why[which+j.reason(x)]++
	}
}

// reason is why a call's cost is one that it has for itself.
func (j *judgement) reason(x *statedCost) string {
	usage, _ := parse(string(x.Usage)).(object)
	upstream, ok := at(usage, "cost_details")["upstream_inference_cost"].(json.Number)
	if cost, err := picosOf(upstream, int64(price.USD)); ok && err == nil && cost != x.stated {
		return "were charged for otherwise than by the upstream: a discount"
	}
	images := number(at(usage, "prompt_tokens_details"), "image_tokens")
	if images > 0 && x.counts.Input == 0 && j.prices.cost(&x.counts)+images*j.prices[0] == int64(x.stated) {
		return "were charged for the prompt's images as fresh ones, though more tokens were cached than the prompt has"
	}
	return "have a cost that no prices explain which three calls share"
}

// row sends the call through the stack, with the recorded usage in its answer, and returns its row.
func (x *statedCost) row(t *testing.T, prices *price.Catalog) ledger.Row {
	t.Helper()
	head := fmt.Sprintf(`{"id":"x","model":%q,`, x.Model)
	answer := head + `"status":"completed","choices":[{"index":0,"finish_reason":"stop","message":{"content":"x"}}],"usage":` + string(x.Usage) + `}`
	contentType := jsonType
	if x.Stream {
		contentType = eventType
		if strings.HasSuffix(x.Path, "/responses") {
			answer = event("completed", answer)
		} else {
			answer = chunks(head+`"choices":[{"index":0,"delta":{"content":"x"}}]}`, answer)
		}
	}
	kept := ledger.NewMemory(0)
	stack := stackOver(t, newScript(says(200, contentType, answer)),
		policy.Policy{}, middleware.WithPrices(prices), middleware.WithStore(kept))
	request := fmt.Sprintf(`{"model":%q,"stream":%t,"stream_options":{"include_usage":true}}`, cmp.Or(x.RequestModel, x.Model), x.Stream)
	mustDo(t, stack, http.MethodPost, "https://"+x.Host+x.Path, request)
	if len(kept.Rows()) != 1 {
		t.Fatalf("%s: rows %+v", x.Source, kept.Rows())
	}
	return kept.Rows()[0]
}

// ---- Perplexity

// Perplexity charges for each request besides its tokens, and rounds what it says of the tokens: in 2025 and 2026 to six,
// five or three decimals of a dollar. The library counts the tokens, and leaves such a call without a cost, as the fee goes
// by how much was searched. So the fee is taken from what the provider says of it, and what is judged is the rest.

// cutsOf are what the provider says of a request's fee, and of the tokens.
func (x *statedCost) cutsOf(t *testing.T) (fee, input, output price.Pico) {
	t.Helper()
	usage, _ := parse(string(x.Usage)).(object)
	var cuts [3]price.Pico
	for i, key := range []string{"request_cost", "input_tokens_cost", "output_tokens_cost"} {
		n, ok := at(usage, "cost")[key].(json.Number)
		cut, err := picosOf(n, int64(price.USD))
		if !ok || err != nil {
			t.Fatalf("%s: %s: %v", x.Source, key, err)
		}
		cuts[i] = cut
	}
	return cuts[0], cuts[1], cuts[2]
}

// unitOf is what amounts are rounded to, at most a thousandth of a dollar, and how many decimals that is.
func unitOf(amounts ...price.Pico) (unit price.Pico, decimals int) {
	unit, decimals = price.USD/1000, 3
	for slices.ContainsFunc(amounts, func(p price.Pico) bool { return p%unit != 0 }) {
		unit, decimals = unit/10, decimals+1
	}
	return unit, decimals
}

// withoutFee are the calls without the fee of the request. Those that are rounded to three decimals are left out: most of
// their parts are 0, which is no price.
func withoutFee(t *testing.T, calls []*statedCost) (rest []*statedCost) {
	t.Helper()
	for _, x := range calls {
		fee, input, output := x.cutsOf(t)
		if unit, _ := unitOf(fee, input, output); unit == price.USD/1000 {
			continue
		}
		y := *x
		y.stated -= fee
		y.parts = []*statedCut{{price.Usage{Input: x.counts.Input}, input}, {price.Usage{Output: x.counts.Output}, output}}
		rest = append(rest, &y)
	}
	return rest
}

// judgePerplexity judges calls by the group's prices, each part of a cost within the provider's rounding.
func (k statedKey) judgePerplexity(t *testing.T, j *judgement, odd []*statedCost) {
	for _, x := range odd {
		fee, input, output := x.cutsOf(t)
		prices := j.prices.catalog(t, "perplexity", k.model, fee)
		row := x.row(t, prices)
		if row.Cost.Known || row.Unpriced == "" || row.UsageSource != ledger.Measured ||
			row.Reported != ledger.Known(x.stated) || row.Exposure != row.Reported {
			t.Errorf("%s: stated %s: %+v", x.Source, x.stated, row)
		}
		cost := func(u price.Usage) price.Pico {
			c, err := prices.Cost(price.Query{Provider: "perplexity", Model: k.model, Tier: "standard", At: row.At}, u)
			if err != nil {
				t.Fatalf("%s: %v", x.Source, err)
			}
			return c.Cost
		}
		all := row.Usage
		all.Requests = 1
		unit, decimals := unitOf(fee, input, output)
		within := func(ours, stated price.Pico) bool { return max(ours-stated, stated-ours)*2 <= unit }
		j.judged++
		switch {
		case cost(all) == x.stated:
			j.equal++
			j.why["equal ones are so to the picodollar"]++
		case within(cost(price.Usage{Input: row.Usage.Input}), input) && within(cost(price.Usage{Output: row.Usage.Output}), output):
			j.equal++
			j.why[fmt.Sprintf("equal ones are so within its rounding of each part to %d decimals", decimals)]++
		default:
			j.why["differ by more than its rounding"]++
		}
	}
}
