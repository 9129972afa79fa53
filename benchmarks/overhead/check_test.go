package main

import (
	"strings"
	"testing"
)

func TestCheckBody(t *testing.T) {
	const original = `{"model":"gpt-5","n":1}`
	for _, c := range []struct{ name, sent, tier, want string }{
		{"once", `{"service_tier":"flex","model":"gpt-5","n":1}`, "flex", ""},
		{"none wanted", original, "", ""},
		{"none wanted, and a space more", `{"model":"gpt-5", "n":1}`, "", "has changed"},
		{"missing", original, "flex", "0 times, want 1"},
		{"not wanted", `{"service_tier":"flex","model":"gpt-5","n":1}`, "", "1 times, want 0"},
		{"twice", `{"service_tier":"flex","model":"gpt-5","n":1,"service_tier":"flex"}`, "flex", "2 times, want 1"},
		{"another", `{"service_tier":"priority","model":"gpt-5","n":1}`, "flex", "asks for tier priority"},
		{"broken", `{"service_tier":"flex","model":"gpt-5","n":1`, "flex", "unexpected end"},
		{"changed", `{"service_tier":"flex","model":"gpt-5","n":2}`, "flex", "more of the body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, checkBody([]byte(c.sent), []byte(original), c.tier), c.want)
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("unexpected: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got error %v, want one with %q", err, want)
	}
}
