package policyfile_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/skinflint-go/skinflint/adapters/policyfile"
)

// The file on the page about policy files is one.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../policy/docs/policy-file.md")
	if err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(files) == 0 {
		t.Fatal("there is no file on the page")
	}
	for _, file := range files {
		p, err := policyfile.Parse("policy-file.md", file[1])
		if err != nil {
			t.Error(err)
		}
		if p.Tier == "" || len(p.Rules) == 0 || len(p.Limits) == 0 {
			t.Errorf("it sets less than the page says: %+v", p)
		}
	}
}
