module github.com/skinflint-go/skinflint/adapters/langchaingo

go 1.25.0

require (
	github.com/skinflint-go/skinflint v0.1.0
	github.com/tmc/langchaingo v0.1.14
)

require (
	github.com/dlclark/regexp2 v1.10.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/pkoukk/tiktoken-go v0.1.6 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/skinflint-go/skinflint => ../..
