package policy

import (
	"context"
	"testing"
)

// The class is that of the context, the first rule that matches, the policy, or the default.
func TestClass(t *testing.T) {
	nightly := Rule{Match: Match{Model: "m"}, Set: Policy{Class: ClassBatch}}
	for _, test := range []struct {
		policy  Policy
		options []Option
		want    Class
		from    string
	}{
		{Policy{}, nil, ClassInteractive, "default"},
		{Policy{Class: ClassBatch}, nil, ClassBatch, "policy"},
		{Policy{Rules: []Rule{nightly}}, nil, ClassBatch, "rule 0"},
		{Policy{Rules: []Rule{nightly}}, []Option{AsClass(ClassInteractive)}, ClassInteractive, "context"},
		{Policy{}, []Option{AsClass(ClassInteractive), AsClass(ClassBatch)}, ClassBatch, "context"},
	} {
		r, o := mustResolver(t, test.policy), From(With(context.Background(), test.options...))
		for _, tiers := range [][]Tier{nil, {Flex}, allTiers} {
			s := Subject{Model: "m", Tiers: tiers}
			if got := r.Resolve(o, s).Class; got != test.want {
				t.Errorf("%+v: %q, want %q", test.policy, got, test.want)
			}
			_, list := r.Explain(o, s)
			var said bool
			for _, e := range list {
				if e.Name == "class" {
					said = e.Value == string(test.want) && e.From == test.from
				}
			}
			if !said {
				t.Errorf("%+v: want %s from %s in %+v", test.policy, test.want, test.from, list)
			}
		}
	}
	for field, p := range map[string]Policy{
		"Class":              {Class: "urgent"},
		"Rules[0].Set.Class": {Rules: []Rule{{Set: Policy{Class: "Batch"}}}},
	} {
		if err, ok := p.Validate().(*FieldError); !ok || err.Field != field || err.Problem != "want interactive or batch" {
			t.Errorf("%s: %v", field, err)
		}
	}
}
