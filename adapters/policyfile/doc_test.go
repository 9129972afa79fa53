package policyfile

import (
	"fmt"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
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

// documentation returns the lines that document keys, each with its example, its field, and what it does. Those of the fields
// that cannot be combined with others are comments.
func documentation[T any](keys []policy.Key[T], indent string, alternatives ...string) string {
	var b strings.Builder
	for _, k := range keys {
		entry := k.Name + ": " + k.Example
		if slices.Contains(alternatives, k.Field) {
			entry = "# " + entry
		}
		fmt.Fprintf(&b, "%s%-*s# %s: %s\n", indent, 37-len(indent), entry, k.Field, k.Doc)
	}
	return b.String()
}

// TestKeysDocumented fails when the package comment and the table of package policy differ.
func TestKeysDocumented(t *testing.T) {
	var want strings.Builder
	want.WriteString("defaults:\n")
	for _, s := range sections {
		if s.name == "" {
			want.WriteString(documentation(s.keys, "  "))
			continue
		}
		want.WriteString("  " + s.name + ":\n" + documentation(s.keys, "    ", "Fallback"))
	}
	text := annotated(t)
	if !strings.HasPrefix(text, want.String()) {
		t.Errorf("the example of the package comment has to begin with\n%s", want.String())
	}
	if want := documentation(limitKeys, "    "); !strings.Contains(text, want) {
		t.Errorf("the example of the package comment has to contain\n%s", want)
	}
	if want := documentation(budgetKeys, "    ", "Every", "Zone"); !strings.HasSuffix(text, want) {
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
			Set:   policy.Policy{Tier: policy.Flex, Fallback: policy.NoFallback, AllowDoubleBilling: true, LeaveStreams: true, Class: policy.ClassBatch},
		}, {
			Match: policy.Match{Provider: "gemini"},
			Set:   policy.Policy{Fallback: policy.NoFallback, Cache: policy.Cache{Writes: policy.WritesOff}},
		}},
		Limits: []policy.Limit{{Match: policy.Match{Provider: "openai"}}},
		Budgets: []policy.Budget{
			{Name: "all", Every: policy.EveryMonth, Zone: "Europe/Berlin", Cap: 500 * price.USD},
			{Match: policy.Match{Tags: map[string]string{"job": "nightly"}}},
		},
	}
	setExamples(t, policy.Keys(), &want, "Tier", "Fallback")
	setExamples(t, policy.LimitKeys(), &want.Limits[0])
	setExamples(t, policy.BudgetKeys(), &want.Budgets[1], "Every", "Zone")
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
}

// setExamples sets the fields of v, except for some, to the examples of their keys.
func setExamples[T any](t *testing.T, keys []policy.Key[T], v *T, except ...string) {
	t.Helper()
	for _, k := range keys {
		if slices.Contains(except, k.Field) {
			continue
		}
		var err error
		switch at := k.At(v).(type) {
		case *time.Duration:
			*at, err = time.ParseDuration(k.Example)
		case *int:
			*at, err = strconv.Atoi(k.Example)
		case *int64:
			*at, err = strconv.ParseInt(k.Example, 10, 64)
		case *bool:
			*at, err = strconv.ParseBool(k.Example)
		case *price.Pico:
			*at, err = price.ParseUSD(strings.Trim(k.Example, `"`))
		case *[]string:
			for word := range strings.SplitSeq(strings.Trim(k.Example, "[]"), ", ") {
				*at = append(*at, strings.Trim(word, `"`))
			}
		default: // a word
			reflect.ValueOf(at).Elem().SetString(k.Example)
		}
		if err != nil {
			t.Errorf("the example of %s: %v", k.Name, err)
		}
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
	p.Budgets[1].Every, p.Budgets[1].Zone = p.Budgets[0].Every, p.Budgets[0].Zone
	for _, v := range []any{p, p.Cache, p.Limits[0], p.Budgets[1], p.Rules[0], p.Rules[0].Match} {
		s := reflect.ValueOf(v)
		for i := range s.NumField() {
			if s.Field(i).IsZero() {
				t.Errorf("the documentation's example does not set %s.%s", s.Type(), s.Type().Field(i).Name)
			}
		}
	}
}
