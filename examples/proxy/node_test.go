package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// need skips the test if a program is not installed, or fails it if SKINFLINT_REQUIRE_SERVICES is set.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name+" is not installed")
		}
	}
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SKINFLINT_REQUIRE_SERVICES") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// TestNode makes calls through the proxy with SDKs for Node, unchanged.
func TestNode(t *testing.T) {
	need(t, "node", "npm")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/node")); err != nil {
		t.Fatal(err)
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("npm ci: %v\n%s", err, out))
	}
	t.Run("calls", func(t *testing.T) { nodeCalls(t, dir) })
	t.Run("retries", func(t *testing.T) { nodeRetries(t, dir) })
}

// node runs a program of testdata/node, and returns what it prints.
func node(t *testing.T, dir, file, env string) string {
	t.Helper()
	node := exec.CommandContext(t.Context(), "node", file)
	node.Dir = dir
	node.Env = append(os.Environ(), env)
	var stderr strings.Builder
	node.Stderr = &stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.String())
	}
	return string(out)
}

// nodeCalls makes many kinds of calls with OpenAI's SDK.
func nodeCalls(t *testing.T, dir string) {
	sim := provider(t, llmtest.Config{Faults: llmtest.Sequence(
		llmtest.NoFault,                          // chat
		llmtest.FlexUnavailable, llmtest.NoFault, // falls back
		llmtest.NoFault,                     // streamed chat
		llmtest.NoFault,                     // response
		llmtest.NoFault,                     // streamed response
		llmtest.ResetAfterAccept,            // lost
		llmtest.Overloaded, llmtest.NoFault, // overloaded
		llmtest.CutStream,            // cut stream
		llmtest.CutStream,            // cut answer
		llmtest.ServerErrorAfterWork, // server error
		llmtest.Stall,                // too slow
	)})
	p := start(t, sim.URL, "-policy", policyFile(t, flexFirst), "-ledger", t.TempDir())
	out := node(t, dir, "calls.mjs", "PROXY="+p.url)

	want := []nodeLine{
		{Name: "chat"}, {Name: "falls back"}, {Name: "streamed chat"}, {Name: "response"}, {Name: "streamed response"},
		{Name: "lost", Error: "BadRequestError", Status: 400, Type: "skinflint_ambiguous"},
		{Name: "overloaded"},
		{Name: "cut stream", Error: "TypeError"},
		{Name: "cut answer", Error: "TypeError"},
		{Name: "server error", Error: "BadRequestError", Status: 400, Type: "skinflint_ambiguous"},
		{Name: "too slow", Error: "BadRequestError", Status: 400, Type: "skinflint_repeat"},
		{Name: "models"}, {Name: "last"},
	}
	compareLines(t, out, want)

	// Each call reached the provider once, except the two that it rejected. The list of models costs nothing.
	meter, requests := sim.Meter(), sim.Requests()
	if n := len(requests); n != len(want)+2 || twice(meter) != 0 {
		t.Errorf("%d requests, %d billed twice", n, twice(meter))
	}
	for _, r := range requests {
		if r.Header.Get("Accept-Encoding") != "" && r.Stream && r.Operation == "chat" {
			t.Errorf("a stream may come compressed: %v", r.Header)
		}
		if n := r.Header.Get("X-Stainless-Retry-Count"); n != "" && n != "0" {
			t.Errorf("the SDK's own retry %s arrives", n)
		}
	}
	agree(t, p.rows(), meter)
	if p.totals().Cost != spent(p.rows()) {
		t.Errorf("totals %s, rows %s", p.totals().Cost, spent(p.rows()))
	}
}

// A nodeLine is what calls.mjs prints about one call.
type nodeLine struct {
	Name, Text, Error, Type string
	Status                  int
}

// compareLines compares what calls.mjs printed. A call has either a text or an error.
func compareLines(t *testing.T, out string, want []nodeLine) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), out)
	}
	for i, w := range want {
		var got nodeLine
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if (got.Text != "") != (w.Error == "") {
			t.Errorf("%s", lines[i])
		}
		if got.Text = ""; got != w {
			t.Errorf("%+v, want %+v", got, w)
		}
	}
}

// agree compares rows with the provider's meter. The cost of a billed row is that of its generation, to the last digit. Any
// other generation belongs to a row that has an exposure.
func agree(t *testing.T, rows []ledger.Row, meter []llmtest.Generation) {
	t.Helper()
	billed := map[string]llmtest.Generation{}
	for _, g := range meter {
		billed[g.ID] = g
	}
	unsure := 0
	for _, r := range rows {
		switch r.Outcome {
		case policy.Billed:
			g, ok := billed[r.ResponseID]
			if !ok {
				t.Errorf("no generation for %+v", r)
			} else if want := metered(t, []llmtest.Generation{g}); r.Cost.String() != want {
				t.Errorf("%s: the row says %s, the meter %s", r.ResponseID, r.Cost, want)
			}
			delete(billed, r.ResponseID)
		case policy.Ambiguous, policy.Partial:
			unsure++
			if !r.Exposure.Known || r.Exposure.Pico <= 0 {
				t.Errorf("no exposure: %+v", r)
			}
		}
	}
	if len(billed) > unsure {
		t.Errorf("%d generations have no row, and only %d rows are unsure", len(billed), unsure)
	}
}

// A nodeClient is a client of retries.mjs, and says when it sends a request again by itself.
type nodeClient struct {
	name    string
	timeout bool // after its own timeout
	tear    bool // after an answer that was cut off
	always  bool // after anything
}

var nodeClients = []nodeClient{
	{name: "openai", timeout: true},
	{name: "@anthropic-ai/sdk", timeout: true},
	{name: "ai, OpenAI", tear: true},
	{name: "ai, OpenAI, stream"},
	{name: "ai, Anthropic", tear: true},
	{name: "ai, Google", tear: true},
	{name: "@google/genai"},
	{name: "@google/genai, retries", timeout: true},
	{name: "@langchain/openai", timeout: true, tear: true},
	{name: "fetch in a loop", timeout: true, tear: true, always: true},
}

// A nodeFault is what goes wrong with the first request of a call. Any further request would be answered.
type nodeFault struct {
	name     string
	fault    llmtest.Fault
	requests int // that the provider gets
}

var nodeFaults = []nodeFault{
	{"none", llmtest.NoFault, 1},
	{"overloaded", llmtest.Overloaded, 2}, // which is free
	{"500 after work", llmtest.ServerErrorAfterWork, 1},
	{"reset", llmtest.ResetAfterAccept, 1},
	{"timeout", llmtest.Stall, 1},
	{"cut off", llmtest.CutStream, 1},
}

// words returns what the client shows the program of our words in the end; none if it does not learn of them.
func (c *nodeClient) words(f *nodeFault) []string {
	const repetition = "skinflint: repetition for"
	switch f.fault {
	case llmtest.ServerErrorAfterWork:
		if !c.always {
			return []string{"skinflint: ambiguous failure for", "the provider answered 500", "the provider says: "}
		}
	case llmtest.ResetAfterAccept:
		if !c.always {
			return []string{"skinflint: the request was sent and got no complete answer"}
		}
	case llmtest.Stall:
		if !c.timeout {
			return nil
		}
	case llmtest.CutStream:
		if !c.tear {
			return nil
		}
	default:
		return nil
	}
	return []string{repetition}
}

// A nodeCell is one call of retries.mjs.
type nodeCell struct {
	Client  string `json:"client"`
	URL     string `json:"url"`
	Timeout int    `json:"timeout"` // milliseconds

	client   *nodeClient
	fault    *nodeFault
	provider *llmtest.Server
}

// nodeRetries makes one call with each client for each fault. Whatever the client does then, the provider gets one request,
// and an error that comes from the proxy is in words.
func nodeRetries(t *testing.T, dir string) {
	var cells []nodeCell
	for i := range nodeClients {
		for j := range nodeFaults {
			cell := nodeCell{client: &nodeClients[i], fault: &nodeFaults[j], Client: nodeClients[i].name, Timeout: 60_000}
			cell.provider = provider(t, llmtest.Config{Faults: llmtest.Sequence(cell.fault.fault)})
			cell.URL = start(t, cell.provider.URL).url
			if cell.fault.fault == llmtest.Stall {
				cell.Timeout = 2000
			}
			cells = append(cells, cell)
		}
	}
	env, err := json.Marshal(cells)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(node(t, dir, "retries.mjs", "CELLS="+string(env))), "\n")
	if len(lines) != len(cells) {
		t.Fatalf("%d results, want %d", len(lines), len(cells))
	}
	var table strings.Builder
	table.WriteString(fmt.Sprintf("\n%-24s", "requests for one call"))
	for _, f := range nodeFaults {
		table.WriteString(fmt.Sprintf("%16s", f.name))
	}
	for i := range cells {
		if i%len(nodeFaults) == 0 {
			table.WriteString(fmt.Sprintf("\n%-24s", cells[i].Client))
		}
		table.WriteString(fmt.Sprintf("%16d", len(cells[i].provider.Requests())))
		cells[i].check(t, lines[i])
	}
	t.Log(table.String())
}

// check checks the result of a call.
func (c *nodeCell) check(t *testing.T, line string) {
	t.Helper()
	var got struct {
		Text, Error string
		Status      int
	}
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	if n := len(c.provider.Requests()); n != c.fault.requests {
		t.Errorf("%s, %s: %d requests, want %d", c.Client, c.fault.name, n, c.fault.requests)
	}
	well := c.fault.fault == llmtest.NoFault || c.fault.fault == llmtest.Overloaded
	if well != (got.Text != "" && got.Error == "") && !strings.HasSuffix(c.Client, "stream") || well && got.Error != "" {
		t.Errorf("%s, %s: %s", c.Client, c.fault.name, line)
	}
	for _, words := range c.client.words(c.fault) {
		if got.Status != 400 || !strings.Contains(got.Error, words) {
			t.Errorf("%s, %s: status %d, error %q, want %q", c.Client, c.fault.name, got.Status, got.Error, words)
		}
	}
}
