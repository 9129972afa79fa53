package limit_test

import (
	"context"
	"fmt"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// Other figures do not forget who holds permits.
func ExampleLocal_Update() {
	limiter := limit.NewLocal([]policy.Limit{{Name: "at once", Concurrency: 1}}, nil)
	if _, err := limiter.Wait(context.Background(), &limit.Request{}); err != nil {
		panic(err)
	}
	if err := limiter.Update([]policy.Limit{{Name: "at once", Concurrency: 2}}, nil, false); err != nil {
		panic(err)
	}
	if _, err := limiter.Wait(context.Background(), &limit.Request{}); err != nil {
		panic(err)
	}
	s := limiter.States()[0]
	fmt.Println(s.Busy, "of", s.Limit.Concurrency)
	// Output:
	// 2 of 2
}
