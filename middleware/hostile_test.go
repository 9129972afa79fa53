package middleware_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// Storage of a context cache that the program makes is not held, so that it passes the cap.
func TestFoeStorageOverCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newAPI()
		stack := stackOver(t, base, capOf("1"))
		base.on("POST "+cachesURL, func(r *http.Request) (*http.Response, error) {
			return says(200, jsonType, heldUntil("cachedContents/a", 10*time.Hour))(r)
		})
		_, err := do(t, t.Context(), stack, "POST", cachesURL, `{"model":"models/gemini-2.5-pro","ttl":"36000s","contents":[{"role":"user","parts":[{"text":"`+strings.Repeat("word ", 1000)+`"}]}]}`)
		t.Log(err, stack.Budgets()[0])
		for _, r := range stack.Rows() {
			t.Logf("%s %s %v %v %s", r.Operation, r.Outcome, r.Cost, r.Exposure, r.Unpriced)
		}
		if s := stack.Budgets()[0]; s.Spent > s.Budget.Cap {
			t.Errorf("%v", s)
		}
		base.on("PATCH "+cachesURL+"/a", func(r *http.Request) (*http.Response, error) {
			return says(200, jsonType, heldUntil("cachedContents/a", 100*time.Hour))(r)
		})
		_, err = do(t, t.Context(), stack, "PATCH", cachesURL+"/a", `{"ttl":"360000s"}`)
		t.Log(err, stack.Budgets()[0])
	})
}

// A context cache is held for longer: what that costs is not held to the budget.
func TestFoeProlongOverCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+cachesURL, func(r *http.Request) (*http.Response, error) {
			return says(200, jsonType, heldUntil("cachedContents/a", time.Hour))(r)
		})
		mustDo(t, stack, "POST", cachesURL, `{}`)
		if err := stack.SetPolicy(capOf("10")); err != nil {
			t.Fatal(err)
		}
		base.on("PATCH "+cachesURL+"/a", func(r *http.Request) (*http.Response, error) {
			return says(200, jsonType, heldUntil("cachedContents/a", 100*time.Hour))(r)
		})
		_, err := do(t, t.Context(), stack, "PATCH", cachesURL+"/a", `{"ttl":"360000s"}`)
		if s := stack.Budgets()[0]; s.Spent > s.Budget.Cap {
			t.Errorf("err %v, %v", err, s)
		}
	})
}

// Storage counts in a budget that matches its model.
func TestFoeStorageByModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newAPI()
		p := capOf("1")
		p.Budgets[0].Match.Model = "gemini-2.5-pro*"
		stack := stackOver(t, base, p)
		base.on("POST "+cachesURL, func(r *http.Request) (*http.Response, error) {
			return says(200, jsonType, heldUntil("cachedContents/a", 10*time.Hour))(r)
		})
		_, err := do(t, t.Context(), stack, "POST", cachesURL, `{"model":"models/gemini-2.5-pro","ttl":"36000s","contents":[]}`)
		for _, r := range stack.Rows() {
			t.Logf("%s model %q served %q: %v %v", r.Operation, r.Model, r.ServedModel, r.Cost, r.Exposure)
		}
		if s := stack.Budgets()[0]; err == nil && s.Spent == 0 {
			t.Errorf("a cache of gemini-2.5-pro was created, and the budget of that model has %v", s)
		}
	})
}
