package policy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestOptionsRefused(t *testing.T) {
	for field, option := range map[string]Option{
		"OnTier": OnTier("x"), "FallBackTo": FallBackTo("x"), "MaxAttempts": MaxAttempts(0), "CachedContent": CachedContent("a b"),
		"MaxCost": MaxCost(-1), "AsClass": AsClass("urgent"), "Tag": Tag("", "x"),
	} {
		ctx := With(With(context.Background(), option), Tag("still", "there"))
		var bad *FieldError
		if err := From(ctx).Err(); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("want an error about %s, got %v", field, err)
		}
	}
	for _, option := range []Option{Tag(strings.Repeat("k", 65), ""), Tag("k", strings.Repeat("v", 257)), Tag("k", "a\x00"), OnTier(""), AsClass("")} {
		if From(With(context.Background(), option)).Err() == nil {
			t.Error("no error")
		}
	}
}

func TestWith(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	outer := With(context.Background(), Tag("a", "1"), OnTier(Flex), nil)
	inner := With(outer, Tag("b", "2"), Tag("a", "3"), FinishBy(soon), MaxCost(price.USD), CachedContent("cachedContents/x"), AllowDoubleBilling())
	if got := From(outer).Tags(); len(got) != 1 || got["a"] != "1" {
		t.Errorf("the outer context was changed: %v", got)
	}
	o := From(inner)
	if got := o.Tags(); len(got) != 2 || got["a"] != "3" || got["b"] != "2" {
		t.Errorf("tags %v", got)
	}
	by, ok := o.FinishBy()
	most, bounded := o.MaxCost()
	if !ok || !by.Equal(soon) || !bounded || most != price.USD || o.CachedContent() != "cachedContents/x" || !o.double || o.tier != Flex {
		t.Errorf("%+v", o)
	}
}

func TestNoOptions(t *testing.T) {
	var none *Options
	if _, ok := none.FinishBy(); ok || none.Err() != nil || none.Tags() != nil || none.CachedContent() != "" || none.Tracked() != nil {
		t.Error("no options say something")
	}
	if _, ok := none.MaxCost(); ok {
		t.Error("no options say something")
	}
}
