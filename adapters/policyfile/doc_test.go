package policyfile

import (
	"fmt"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// annotated returns the file that the package comment shows under "Keys".
func annotated(t testing.TB) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	_, keys, _ := strings.Cut(f.Doc.Text(), "# Keys\n")
	var b strings.Builder
	for l := range strings.Lines(keys) {
		if code, ok := strings.CutPrefix(l, "\t"); ok {
			b.WriteString(code)
		}
	}
	return b.String()
}

// documentation returns the lines that document keys, each with its example, its field, and what it does.
func documentation[T any](keys []policy.Key[T]) string {
	var b strings.Builder
	for _, k := range keys {
		entry := k.Name + ": " + k.Example
		if k.Field == "Fallback" {
			entry = "# " + entry // it cannot be combined with plan
		}
		fmt.Fprintf(&b, "    %-29s# %s: %s\n", entry, k.Field, k.Doc)
	}
	return b.String()
}

// TestKeysDocumented fails when the package comment and the table of package policy differ.
func TestKeysDocumented(t *testing.T) {
	var want strings.Builder
	want.WriteString("defaults:\n")
	for _, s := range sections {
		want.WriteString("  " + s.name + ":\n" + documentation(s.keys))
	}
	text := annotated(t)
	if !strings.HasPrefix(text, want.String()) {
		t.Errorf("the example of the package comment has to begin with\n%s", want.String())
	}
	if want := documentation(limitKeys); !strings.HasSuffix(text, want) {
		t.Errorf("the example of the package comment has to end with\n%s", want)
	}
}

func TestDocumentation(t *testing.T) {
	p, err := Parse("doc.go", []byte(annotated(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Policy{
		Tier: policy.Flex, Fallback: policy.Standard,
		Rules: []policy.Rule{{
			Match: policy.Match{Provider: "openai", Operation: "chat", Model: "gpt-5*", Tags: map[string]string{"job": "nightly"}},
			Set:   policy.Policy{Tier: policy.Flex, Fallback: policy.NoFallback, AllowDoubleBilling: true, LeaveStreams: true},
		}, {
			Match: policy.Match{Provider: "gemini"},
			Set:   policy.Policy{Fallback: policy.NoFallback, Cache: policy.Cache{Writes: policy.WritesOff}},
		}},
		Limits: []policy.Limit{{Match: policy.Match{Provider: "openai"}, RequestsPerMinute: 500, Burst: 20, Concurrency: 32}},
	}
	for _, k := range policy.Keys() {
		var err error
		switch v := k.At(&want).(type) {
		case *time.Duration:
			*v, err = time.ParseDuration(k.Example)
		case *int:
			*v, err = strconv.Atoi(k.Example)
		case *bool:
			*v, err = strconv.ParseBool(k.Example)
		case *price.Pico:
			*v, err = price.ParseUSD(strings.Trim(k.Example, `"`))
		case *policy.CacheMode:
			*v = policy.CacheMode(k.Example)
		case *policy.CacheTiming:
			*v = policy.CacheTiming(k.Example)
		case *policy.CacheWrites:
			*v = policy.CacheWrites(k.Example)
		}
		if err != nil {
			t.Errorf("the example of %s: %v", k.Name, err)
		}
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
}

// TestEveryField fails when policy gains a field that no key of the file sets.
func TestEveryField(t *testing.T) {
	p, err := Parse("doc.go", []byte(annotated(t)))
	if err != nil {
		t.Fatal(err)
	}
	p.AllowDoubleBilling = p.Rules[0].Set.AllowDoubleBilling
	p.LeaveStreams = p.Rules[0].Set.LeaveStreams
	for _, v := range []any{p, p.Cache, p.Limits[0], p.Rules[0], p.Rules[0].Match} {
		s := reflect.ValueOf(v)
		for i := range s.NumField() {
			if s.Field(i).IsZero() {
				t.Errorf("the documentation's example does not set %s.%s", s.Type(), s.Type().Field(i).Name)
			}
		}
	}
}
