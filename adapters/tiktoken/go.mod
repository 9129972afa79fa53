module github.com/skinflint-go/skinflint/adapters/tiktoken

go 1.26.0

require (
	github.com/skinflint-go/skinflint v0.1.0
	github.com/tiktoken-go/tokenizer v0.10.0
)

require (
	github.com/dlclark/regexp2/v2 v2.5.1 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/skinflint-go/skinflint => ../..
