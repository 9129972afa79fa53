package wire

import (
	"encoding/json"
	"reflect"
	"sync"
	"testing"
)

const plainUsage = `{"prompt_tokens":437,"completion_tokens":74,"total_tokens":511,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64}}`

// walked returns what a usage says if no form is known.
func walked(raw string) (u usage) {
	u.walk([]byte(raw), usageNames)
	return u
}

// A usage is read in the same way whether or not its form, or one that begins like it, is known.
func TestUsageForms(t *testing.T) {
	others := []string{
		`{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":1,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}`,
		`{"prompt_tokens":null,"completion_tokens":2.5,"total_tokens":"3","prompt_tokens_details":{"cached_tokens":[1,{"a":2}],"audio_tokens":-1},"completion_tokens_details":{"reasoning_tokens":1e3}}`,
		`{"prompt_tokens":{"prompt_tokens":9},"completion_tokens":74,"total_tokens":511,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64}}`,
		`{"prompt_tokens":437,"completion_tokens":74,"total_tokens":511,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":64}}`,
		`{"prompt_tokens":437,"completion_tokens":74,"total_tokens":511,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64},"dream_tokens":7}`,
		`{"prompt_tokens": 437,"completion_tokens":74,"total_tokens":511,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64}}`,
		`{"prompt_tokens":437,"completion_tokens":74,"total_tokens":511,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens": 64}}`,
		`{"prompt_tokens":437,"completion_tokens":74,"total_tokens":511,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64} }`,
		`{"completion_tokens":437,"prompt_tokens":74}`, `{}`, `{"prompt_tokens":437`, `{"dream_tokens":7,"cost":{"total_cost":0.5},"prompt_tokens":9}`,
	}
	for _, other := range others {
		table := &usageTable{names: usageNames}
		for _, raw := range []string{plainUsage, other, plainUsage, other} {
			var got usage
			table.read(&got, []byte(raw))
			if want := walked(raw); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", raw, got, want)
			}
		}
	}
}

// A form that is known is used, and there are never more than a few.
func TestUsageFormsAreBounded(t *testing.T) {
	table := &usageTable{names: usageNames}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			raw, _ := json.Marshal(map[string]int{"prompt_tokens": 9, "x" + string(rune('a'+i%26)): i})
			for _, raw := range []string{plainUsage, string(raw)} {
				var u usage
				if table.read(&u, []byte(raw)); !reflect.DeepEqual(u, walked(raw)) {
					t.Errorf("%s: %+v", raw, u)
				}
			}
		})
	}
	wg.Wait()
	if forms := table.forms.Load(); forms == nil || len(*forms) > maxForms {
		t.Errorf("%v", forms)
	}
	table = &usageTable{names: usageNames}
	table.read(new(usage), []byte(plainUsage))
	forms := *table.forms.Load()
	var u usage
	if len(forms) != 1 || !forms[0].read(&u, []byte(plainUsage)) || u.n[ReasoningTokens] != 64 {
		t.Errorf("%+v, %+v", forms, u)
	}
	if n := testing.AllocsPerRun(100, func() { table.read(new(usage), []byte(plainUsage)) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever came before, a usage is read as if nothing had.
func FuzzUsageForms(f *testing.F) {
	f.Add(plainUsage, plainUsage)
	f.Add(plainUsage, `{"prompt_tokens":4,"completion_tokens":7,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":{},"audio_tokens":[]},"completion_tokens_details":{"reasoning_tokens":""}}`)
	f.Add(`{"a":1,"b":{"c":"x\"y"},"d":[{"e":1}]}`, `{"a": 1,"b":{"c":"\\"},"d":null}`)
	f.Add(`{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}`, `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":2}}}}}}}}}`)
	f.Fuzz(func(t *testing.T, before, raw string) {
		if !json.Valid([]byte(before)) || !json.Valid([]byte(raw)) {
			return // only values of a valid document are read
		}
		table := &usageTable{names: usageNames}
		for _, raw := range []string{before, raw, before, raw} {
			var got usage
			table.read(&got, []byte(raw))
			if want := walked(raw); !reflect.DeepEqual(got, want) {
				t.Errorf("%q after %q: %+v, want %+v", raw, before, got, want)
			}
		}
	})
}
