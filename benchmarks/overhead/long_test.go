package main

import "testing"

func TestCheckLong(t *testing.T) {
	const original = `{"model":"gpt-5","n":1}`
	for _, c := range []struct{ name, sent, tier, want string }{
		{"first", `{"service_tier":"flex","model":"gpt-5","n":1}`, "flex", ""},
		{"last", `{"model":"gpt-5","n":1,"service_tier":"flex"}`, "flex", ""},
		{"none wanted", original, "", ""},
		{"missing", original, "flex", "not the original with the tier flex"},
		{"not wanted", `{"service_tier":"flex","model":"gpt-5","n":1}`, "", "has changed"},
		{"twice", `{"service_tier":"flex","model":"gpt-5","n":1,"service_tier":"flex"}`, "flex", "not the original"},
		{"another", `{"service_tier":"priority","model":"gpt-5","n":1}`, "flex", "not the original"},
		{"cut off", `{"service_tier":"flex","model":"gpt-5","n":1`, "flex", "not the original"},
		{"changed", `{"service_tier":"flex","model":"gpt-5","n":2}`, "flex", "not the original"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, checkLong([]byte(c.sent), []byte(original), c.tier), c.want)
		})
	}
}
