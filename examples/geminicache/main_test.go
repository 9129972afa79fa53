package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// standard are the settings without flags.
func standard(t *testing.T, args ...string) settings {
	t.Helper()
	set, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if set.book, err = readBook(t.Context(), set.path); err != nil {
		t.Skip(err)
	}
	return set
}

// amounts reads the object that -json prints.
func amounts(t *testing.T, object []byte) map[string]*big.Rat {
	t.Helper()
	var texts map[string]string
	if err := json.Unmarshal(object, &texts); err != nil {
		t.Fatal(err)
	}
	all := map[string]*big.Rat{}
	for name, text := range texts {
		amount, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%s: %q", name, text)
		}
		all[name] = amount
	}
	return all
}

func TestJSON(t *testing.T) {
	for _, model := range []string{"gemini-2.5-flash", "gemini-2.5-pro"} {
		t.Run(model, func(t *testing.T) {
			var out bytes.Buffer
			if err := (&simulation{t}).run(&out, standard(t, "-json", "-model", model)); err != nil {
				t.Fatal(err)
			}
			usd := amounts(t, out.Bytes())
			for _, name := range []string{"cost_usd", "list_usd", "saved_usd", "storage_usd", "ledger_usd", "meter_usd", "gain_usd"} {
				if usd[name] == nil || usd[name].Sign() <= 0 {
					t.Errorf("%s is %v in %s", name, usd[name], out.Bytes())
				}
			}
			if usd["ledger_usd"].Cmp(usd["meter_usd"]) != 0 {
				t.Errorf("ledger and meter differ: %s", out.Bytes())
			}
			if paid := new(big.Rat).Add(usd["cost_usd"], usd["storage_usd"]); paid.Cmp(usd["ledger_usd"]) != 0 {
				t.Errorf("cost and storage are not all of the ledger: %s", out.Bytes())
			}
			if usd["gain_usd"].Cmp(usd["saved_usd"]) >= 0 {
				t.Errorf("the gain over the provider's own caching is not less than what was saved: %s", out.Bytes())
			}
			rest := new(big.Rat).Sub(usd["list_usd"], usd["ledger_usd"])
			if rest.Sub(rest, usd["implicit_usd"]).Cmp(usd["saved_usd"]) != 0 {
				t.Errorf("saved is not net of all: %s", out.Bytes())
			}
		})
	}
}

// The gain is over what the provider's own caching left to pay, and includes storage.
func TestGain(t *testing.T) {
	var r report
	r.sum.Ledger.Add(price.MustUSD("0.167804"))
	var w without
	w.cost.Add(price.MustUSD("0.4817339"))
	r.gain(w)
	if got := r.sum.Gain.String(); got != "0.3139299" {
		t.Errorf("gained %s", got)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := (&simulation{t}).run(&out, standard(t)); err != nil {
		t.Fatal(err)
	}
	for _, q := range questions {
		if !strings.Contains(out.String(), q.text) {
			t.Errorf("no line for %q in\n%s", q.text, out.String())
		}
	}
	for _, want := range []string{
		"(create the cache)", "storage for 4m59.5s", "storage: extended by 2m40s", "before its end",
		"20 of 20 questions used the cache", "It was extended 4 times, and is deleted.",
		"net of creation and storage", "Gemini's own caching gave", "The same questions without the cache cost $", "So the cache gained $0.3", "~: the answer is streamed", "The provider's meter says $",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// A cache that lives hardly longer than the pause is held all the time.
func TestShortTTL(t *testing.T) {
	var out bytes.Buffer
	if err := (&simulation{t}).run(&out, standard(t, "-ttl", "1m")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "20 of 20 questions used the cache") || strings.Count(out.String(), "(create the cache)") != 1 {
		t.Error(out.String())
	}
}

// What -live shows has no meter, and no run without the cache.
func TestShow(t *testing.T) {
	set := standard(t)
	var out bytes.Buffer
	err := (&simulation{t}).ask(set, func(ctx context.Context, to *clients, provider *llmtest.Server) error {
		err := to.show(ctx, &out, set)
		if live, _ := provider.CacheCount(time.Now()); live != 0 {
			t.Errorf("%d caches are left", live)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "20 of 20 questions") || strings.Contains(s, "meter") || strings.Contains(s, "without the cache") || strings.Contains(s, "gained") {
		t.Error(s)
	}
}

// The cache is deleted if a question fails, and if the user interrupts the program.
func TestNoCacheIsLeft(t *testing.T) {
	set := standard(t)
	stopped := errors.New("stopped")
	for name, fails := range map[string]bool{"a question fails": true, "interrupted": false} {
		t.Run(name, func(t *testing.T) {
			err := (&simulation{t}).ask(set, func(ctx context.Context, to *clients, provider *llmtest.Server) error {
				ctx, stop := context.WithCancelCause(ctx)
				defer stop(nil)
				if fails {
					to.model = "missing-model"
				} else {
					time.AfterFunc(3*pause+pause/2, func() { stop(stopped) })
				}
				_, err := to.askAll(ctx, set, pause)
				if err == nil {
					t.Error("no error")
				}
				if n := len(provider.Caches()); n != 1 {
					t.Errorf("%d caches were created", n)
				}
				if live, _ := provider.CacheCount(time.Now()); live != 0 {
					t.Errorf("%d caches are left", live)
				}
				if !fails && len(provider.Meter()) != 1+4 {
					t.Errorf("%d generations", len(provider.Meter()))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What a provider does not cache is an error, and no question is asked.
func TestRejected(t *testing.T) {
	set := standard(t)
	for model, want := range map[string]string{"gemini-4-argon": "implicit caching only", "gpt-5": "no such model"} {
		set.model = model
		err := (&simulation{t}).run(io.Discard, set)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", model, err)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Setenv("GEMINI_API_KEY", "")
	for args, want := range map[string]string{
		"-ttl 59s": "-ttl 59s: want at least 1m", "-ttl 25h": "at most 24h", "x": `unknown argument "x"`, "-model=": "-model: it is empty",
		"-live": "GEMINI_API_KEY", "-x": "not defined: -x", "-ttl 5": "parse error",
	} {
		var out bytes.Buffer
		if _, err := parse(strings.Fields(args), &out); err == nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %s", args, err, out.String())
		}
	}
	var out bytes.Buffer
	if _, err := parse([]string{"-h"}, &out); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "GEMINI_API_KEY") {
		t.Errorf("%v, %s", err, out.String())
	}
	t.Setenv("GEMINI_API_KEY", "AI-mine")
	if set, err := parse([]string{"-live"}, io.Discard); err != nil || set.key != "AI-mine" {
		t.Errorf("the key is %q: %v", set.key, err)
	}
}

func TestBook(t *testing.T) {
	folder := t.TempDir()
	empty, latin := filepath.Join(folder, "empty"), filepath.Join(folder, "latin")
	for name, text := range map[string]string{empty: "", latin: "\xe9"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{empty: "is empty", latin: "is not UTF-8", filepath.Join(folder, "none"): "none"} {
		if _, err := readBook(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	t.Setenv("GOROOT", folder)
	if _, err := readBook(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "-text") {
		t.Errorf("without the text in GOROOT: %v", err)
	}
}
