package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestSettings(t *testing.T) {
	set, err := parse([]string{"-in", "dir/requests.jsonl"}, io.Discard)
	if err != nil || set.out != "dir/requests.simulated.jsonl" || set.ledger != "dir/requests.simulated.jsonl.ledger" || set.name != "requests.simulated.jsonl" {
		t.Errorf("%+v, %v", set, err)
	}
	set, err = parse([]string{"-in", "requests", "-live", "-budget", "5.00", "-within", "2h", "-on-error", "skip", "-ledger", "l", "-name", "n"}, io.Discard)
	if err != nil || set.out != "requests.answers.jsonl" || set.ledger != "l" || set.name != "n" || set.budget != 5*price.USD || !set.skip {
		t.Errorf("%+v, %v", set, err)
	}
	if d := time.Until(set.finishBy); d > 2*time.Hour || d < time.Hour {
		t.Errorf("-within: %v", set.finishBy)
	}
}

func TestChosenPolicy(t *testing.T) {
	set, err := parse([]string{"-rpm", "60", "-tpm", "1000"}, io.Discard)
	if err != nil || !set.throwaway() {
		t.Errorf("%+v, %v", set, err)
	}
	p, err := set.chosen()
	if err != nil || p.Tier != policy.Flex || p.Fallback != policy.Standard || p.Class != policy.ClassBatch || len(p.Limits) != 2 || p.Limits[1].TokensPerMinute != 1000 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestBadSettings(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-n 0", "-n 0: want 1 to"},
		{"-parallel 0", "-parallel 0: want 1 to 10000"},
		{"-parallel x", "-parallel"},
		{"-rpm 0", "-rpm 0: want 1 to"},
		{"-rpm -5", "-rpm -5: want 1 to"},
		{"-tpm 0", "-tpm 0: want 1 to"},
		{"-stop-after -1", "-stop-after -1: want 0 to"},
		{"-budget 0", "-budget: want more than 0"},
		{"-budget -1", "-budget: want more than 0"},
		{"-budget NaN", `"NaN"`},
		{"-budget 1e3", `"1e3"`},
		{"-max-cost $5", "-max-cost"},
		{"-finish-by tomorrow", "want a time such as 2026-11-30T06:00:00Z"},
		{"-within soon", `-within "soon": want a duration`},
		{"-within -1h", `-within "-1h": want a duration`},
		{"-within 1h -finish-by 2030-01-01T00:00:00Z", "-within and -finish-by cannot be used together"},
		{"-patience -1s", "-patience -1s: want 0 or more"},
		{"-in x -n 5", "-n and -in cannot be used together"},
		{"-policy p -rpm 5", "-policy and -rpm cannot be used together"},
		{"-policy p -budget 5", "-policy and -budget cannot be used together"},
		{"-on-error ignore", `-on-error "ignore": want stop or skip`},
		{"-live", "-live needs -in"},
		{"-url http://x", "-url needs -live"},
		{"-key-env X", "-key-env needs -live"},
		{"-in -", "-in and -out have to be files"},
		{"-endpoint v1", `-endpoint "v1": want a path`},
		{"-name a*", `-name "a*": want`},
		{"extra", `unknown argument "extra": there are only flags`},
		{"-no-such-flag", "-no-such-flag"},
		{"-provider nosuch", "-provider"},
		{"-policy /no/such/file", "-policy"},
		{"-in /no/such/file", "-in"},
		{"-in .", "-in: . is not a file"},
		{"-in settings.go -out settings.go", "-in and -out are the same file"},
		{"-in settings.go -out /no/such/folder/out", "-out"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			var stderr bytes.Buffer
			if code := start(t.Context(), strings.Fields(c.args), io.Discard, &stderr, nil, canned{}); code != exitUsage || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("code %d, want %q in\n%.500s", code, c.want, stderr.String())
			}
		})
	}
	for _, left := range []string{"settings.simulated.jsonl", "settings.simulated.jsonl.lock", "settings.go.lock"} {
		if _, err := os.Stat(left); err == nil {
			t.Errorf("%s is left", left)
			os.Remove(left)
		}
	}
}

func TestHelp(t *testing.T) {
	var stderr bytes.Buffer
	if code := start(t.Context(), []string{"-help"}, io.Discard, &stderr, nil, nil); code != exitDone || !strings.Contains(stderr.String(), "-retry-failed") {
		t.Errorf("code %d:\n%s", code, stderr.String())
	}
}

// TestNoKey starts without a key, and with one in a variable of another name.
func TestNoKey(t *testing.T) {
	args, _ := requests(t, chatLines(1)...)
	t.Setenv("OPENAI_API_KEY", "")
	r := driveWith(t, canned{200, cannedChat}, append(args, "-live")...)
	if r.code != exitUsage {
		t.Errorf("code %d", r.code)
	}
	r.says(t, "-live needs a key for OpenAI in the environment variable OPENAI_API_KEY: create one at https://")
	t.Setenv("MY_KEY", "key")
	driveWith(t, canned{200, cannedChat}, append(args, "-live", "-key-env", "MY_KEY")...).want(t, want{done: 1})
}

func TestPolicyFile(t *testing.T) {
	args, out := requests(t, chatLines(2)...)
	file := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, file, "defaults:\n  tier: {plan: [standard]}\n")
	drive(t, canned{200, strings.ReplaceAll(cannedChat, "flex", "default")}, append(args, "-policy", file)...).want(t, want{done: 2})
	if a := answers(t, out)[0]; a.Tier != policy.Standard {
		t.Errorf("%+v", a)
	}
	write(t, file, "defaults:\n  tier: {plann: [standard]}\n")
	r := drive(t, canned{200, cannedChat}, append(args, "-policy", file)...)
	if r.code != exitUsage {
		t.Errorf("code %d", r.code)
	}
	r.says(t, "-policy", "policy.yaml:2:")
}
