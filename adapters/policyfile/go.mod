module github.com/skinflint-go/skinflint/adapters/policyfile

go 1.25.0

require (
	github.com/goccy/go-yaml v1.19.2
	github.com/skinflint-go/skinflint v0.1.0
)

replace github.com/skinflint-go/skinflint => ../..
