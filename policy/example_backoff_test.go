package policy_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

func ExampleWait() {
	// A server asked for 10 s, and our own backoff is at most 4 s. At most a tenth of the 10 s is added.
	fmt.Println(policy.Wait(10*time.Second, 4*time.Second, 0))
	fmt.Println(policy.Wait(10*time.Second, 4*time.Second, 1<<63))
	// Output:
	// 10s
	// 10.5s
}
