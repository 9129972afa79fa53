package policy_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy"
)

// The settings of streams, as a policy file has them.
func ExampleKeys() {
	for _, k := range policy.Keys() {
		if k.Section != "stream" {
			continue
		}
		fmt.Printf("%s.%s: %s sets %s: %s\n", k.Section, k.Name, k.Example, k.Field, k.Doc)
		if k.Zero != "" {
			fmt.Println("  0 would mean", k.Zero)
		}
	}
	// Output:
	// stream.idle: 5m sets StreamIdle: how long the body of an answer may go unread
	//   0 would mean the default, 10m
	// stream.leave: false sets LeaveStreams: do not ask for the usage of streams
}
