package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestReload(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	file := policyFile(t, flexFirst)
	p := start(t, sim.URL, "-policy", file)
	tier := func(prompt string) string {
		p.chat(prompt)
		m := sim.Meter()
		return m[len(m)-1].Tier
	}
	if got := tier("one"); got != "flex" {
		t.Errorf("at first: %s", got)
	}
	for _, bad := range []string{"defaults:\n  tier: {plan: [flexx]}\n", "defaults: [\n", "what: 1\n"} {
		os.WriteFile(file, []byte(bad), 0o600)
		p.signals <- syscall.SIGHUP
		p.log.await(t, `the policy stays as it was.*`+file+`:[0-9]+:[0-9]+`)
		p.log.mu.Lock()
		p.log.text.Reset()
		p.log.mu.Unlock()
		if got := tier(bad); got != "flex" {
			t.Errorf("after %q: %s", bad, got)
		}
	}
	os.WriteFile(file, []byte("defaults:\n  tier: {plan: [priority]}\n"), 0o600)
	p.signals <- syscall.SIGHUP
	p.log.await(t, "the policy was read again")
	if got := tier("two"); got != "priority" {
		t.Errorf("after a good one: %s", got)
	}
}

func TestReloadWithoutPolicy(t *testing.T) {
	p := start(t, "http://127.0.0.1:1")
	p.signals <- syscall.SIGHUP
	p.log.await(t, "no policy to read again")
}

// TestPolicyFiles has policy files that say nothing, or not much. They are accepted or refused in the same way at the start and
// after a SIGHUP.
func TestPolicyFiles(t *testing.T) {
	for _, text := range []string{"", "\n", "# half-written", "---\n", "{}", "null", "defaults: {}\n", "rules: []\n", flexFirst, "defaults: 1\n"} {
		file := policyFile(t, text)
		_, atStart := loadPolicy(file)
		os.WriteFile(file, []byte(flexFirst), 0o600)
		p := start(t, "http://127.0.0.1:1", "-policy", file)
		os.WriteFile(file, []byte(text), 0o600)
		p.signals <- syscall.SIGHUP
		if said := p.log.await(t, "(the policy stays as it was|the policy was read again)"); (said == "the policy was read again") != (atStart == nil) {
			t.Errorf("%q: at the start %v, later %s", text, atStart, said)
		}
	}
}
