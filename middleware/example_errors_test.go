package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleError() {
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	stack, err := middleware.New()
	if err != nil {
		panic(err)
	}
	ctx := policy.With(context.Background(), policy.MaxCost(price.MustUSD("0.0001")))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	_, err = stack.Client().Do(req)
	var refusal *middleware.Error
	fmt.Println(errors.Is(err, middleware.ErrCost), errors.As(err, &refusal))
	fmt.Println(refusal)
	// Output:
	// true true
	// skinflint: cost limit for gpt-5: it could cost $0.0015325, and the limit is $0.0001 (nothing was sent); lower its output limit (max_completion_tokens or the like), or raise MaxCost
}
