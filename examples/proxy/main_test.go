package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	bad := policyFile(t, "defaults:\n  tier: {plann: [flex]}\n")
	for _, c := range []struct{ args, want string }{
		{"", "-upstream is missing"},
		{"-upstream ftp://x", "want http"},
		{"-upstream https://user:hunter2@x", "a user or a password"},
		{"-upstream https://x/?key=hunter2", "a query"},
		{"-upstream http://[::1", "not a URL"},
		{"-upstream http://x -provider nobody", "known are openai"},
		{"-upstream http://x -listen 0.0.0.0:0", "-insecure-listen"},
		{"-upstream http://x -listen :0", "SKINFLINT_TOKEN"},
		{"-upstream http://x -listen [::]:0", "is not on loopback"},
		{"-upstream http://x -listen nonsense", "-listen"},
		{"-upstream http://x -policy /does/not/exist", "-policy"},
		{"-upstream http://x -policy " + bad, "policy.yaml:2:"},
		{"-upstream http://x -body-memory 0", "-body-memory"},
		{"-upstream http://x -body-memory 99999999", "-body-memory"},
		{"-upstream http://x -body-memory 1GB", "-body-memory"},
		{"-upstream http://x -hosts a,,b", "-hosts"},
		{"-upstream http://x -hosts http://a", "-hosts"},
		{"-upstream http://x -hosts *.example", "-hosts"},
		{"-upstream http://x -ledger /dev/null/x", "-ledger"},
		{"-upstream http://x -drain -1s", "-drain"},
		{"-upstream http://x more", `"more" is not a flag`},
		{"-upstrem http://x", "not defined"},
	} {
		err := run(t.Context(), strings.Fields(c.args), io.Discard, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestHelpKeepsTheToken(t *testing.T) {
	t.Setenv("SKINFLINT_TOKEN", "s3cret")
	log := newRecord()
	if err := run(t.Context(), []string{"-help"}, log, nil); err == nil || errors.As(err, new(usageError)) {
		t.Error(err)
	}
	if text := log.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "-upstream URL") {
		t.Error(text)
	}
}
