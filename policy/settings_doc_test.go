package policy_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
)

// The table of docs/settings.md has every setting, as Keys has it.
func TestSettingsPage(t *testing.T) {
	page, err := os.ReadFile("docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, k := range policy.Keys() {
		name := strings.TrimPrefix(k.Section+"."+k.Name, ".")
		fmt.Fprintf(&want, "| `%s` | `%s` | `%s` | %s | %s |\n", k.Field, name, k.Example, k.Doc, k.Zero)
	}
	for _, k := range policy.LimitKeys() {
		fmt.Fprintf(&want, "| `Limit.%s` | `limits: %s` | `%s` | %s | %s |\n", k.Field, k.Name, k.Example, k.Doc, k.Zero)
	}
	for _, k := range policy.BudgetKeys() {
		fmt.Fprintf(&want, "| `Budget.%s` | `budgets: %s` | `%s` | %s | %s |\n", k.Field, k.Name, k.Example, k.Doc, k.Zero)
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("docs/settings.md lacks this table:\n%s", want.String())
	}
}
