package policyfile

import (
	"fmt"
	"strings"

	"github.com/skinflint-go/skinflint/internal/spell"
)

// unknown returns the problem with a key that is not among the known keys of its place, and what to do about it.
func unknown(name string, known []string) string {
	if home, ok := homes[name]; ok {
		return "it does not belong here, but in " + home
	}
	if best := spell.Nearest(name, known); best != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", best)
	}
	return "unknown key; want " + oneOf(known)
}

// oneOf lists alternatives: "a, b or c".
func oneOf(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}
