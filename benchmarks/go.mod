module github.com/skinflint-go/skinflint/benchmarks

go 1.26.0

require (
	github.com/PuerkitoBio/rehttp v1.4.0
	github.com/failsafe-go/failsafe-go v0.9.8
	github.com/hashicorp/go-retryablehttp v0.7.8
	github.com/openai/openai-go/v3 v3.96.0
	github.com/skinflint-go/skinflint v0.1.0
)

replace github.com/skinflint-go/skinflint => ..
