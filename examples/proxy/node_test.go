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

// nodeClients are the clients of retries.mjs.
var nodeClients = []string{
	"openai", "@anthropic-ai/sdk", "ai, OpenAI", "ai, OpenAI, stream", "ai, Anthropic", "ai, Google",
	"@google/genai", "@google/genai, retries", "@langchain/openai", "fetch in a loop",
}

// nodeFaults are what goes wrong with the first request of a call. Any further request would be answered.
var nodeFaults = []struct {
	name  string
	fault llmtest.Fault
}{
	{"500 after the work", llmtest.ServerErrorAfterWork},
	{"reset after the work", llmtest.ResetAfterAccept},
	{"client's timeout", llmtest.Stall},
	{"answer cut off", llmtest.CutStream},
	{"none", llmtest.NoFault},
}

// nodeRetries makes one call with each client for each fault. Whatever the client does then, the provider gets one request.
// If the client shows an error of ours, it is in words.
func nodeRetries(t *testing.T, dir string) {
	type cell struct {
		Client string `json:"client"`
		Fault  string `json:"fault"`
		URL    string `json:"url"`
	}
	var cells []cell
	sims := map[[2]string]*llmtest.Server{}
	proxies := map[[2]string]*instance{}
	for _, client := range nodeClients {
		for _, f := range nodeFaults {
			sim := provider(t, llmtest.Config{Faults: llmtest.Sequence(f.fault)})
			p := start(t, sim.URL)
			key := [2]string{client, f.name}
			sims[key], proxies[key] = sim, p
			cells = append(cells, cell{client, f.name, p.url})
		}
	}
	env, err := json.Marshal(cells)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(node(t, dir, "retries.mjs", "CELLS="+string(env))) {
		var got struct {
			Client, Fault, Text, Error string
			Status                     int
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		key := [2]string{got.Client, got.Fault}
		refused := 0
		for _, r := range proxies[key].rows() {
			if r.Outcome == policy.Refused {
				refused++
			}
		}
		t.Logf("%-24s %-20s %d generated %d refused %d %s%s", got.Client, got.Fault, len(sims[key].Requests()), refused, got.Status, got.Text, got.Error)
		seen++
	}
	if seen != len(cells) {
		t.Errorf("%d results, want %d", seen, len(cells))
	}
}
