package limit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

func ExampleNewLocal() {
	limiter := limit.NewLocal([]policy.Limit{{Match: policy.Match{Provider: "openai"}, RequestsPerMinute: 6, Concurrency: 2}}, nil)
	request := limit.Request{Subject: policy.Subject{Provider: "openai", Model: "gpt-5"}}

	permit, err := limiter.Wait(context.Background(), &request)
	if err != nil {
		panic(err)
	}
	defer permit.Release(limit.Count{Requests: 1}) // when the response has been read to its end

	// The next token comes in ten seconds, which is later than this request allows.
	request.Deadline = time.Now().Add(2 * time.Second)
	_, err = limiter.Wait(context.Background(), &request)
	var refusal *limit.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Limit)
		fmt.Println("would wait", refusal.Wait.Round(time.Second))
	}

	// No limit matches another provider's request.
	permit, err = limiter.Wait(context.Background(), &limit.Request{Subject: policy.Subject{Provider: "gemini"}})
	fmt.Println(permit, err)
	// Output:
	// 6 requests per minute, 2 at once
	// would wait 10s
	// <nil> <nil>
}
