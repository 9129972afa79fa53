package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestNext has one text for each cause.
func TestNext(t *testing.T) {
	texts := map[string]bool{}
	for _, c := range []struct {
		why  error
		want string
	}{
		{fmt.Errorf("%w: the figures", errFlagBudget), "a higher -budget"},
		{fmt.Errorf("%w: the figures", errBudget), "its cap in the policy file"},
		{fmt.Errorf("%w: it takes a minute", errLate), "-finish-by"},
		{errInterrupted, "it goes on"},
		{fmt.Errorf("%w: the disk is full", errLedger), "when the cause is mended"},
		{errors.New("-out: the disk is full"), "when the cause is mended"},
	} {
		text := next(c.why)
		if !strings.Contains(text, c.want) {
			t.Errorf("%v: %s", c.why, text)
		}
		texts[text] = true
	}
	if len(texts) != 5 {
		t.Errorf("%v", texts)
	}
}
