module github.com/skinflint-go/skinflint/examples

go 1.25.0

require (
	github.com/sashabaranov/go-openai v1.43.0
	github.com/skinflint-go/skinflint v0.1.0
	github.com/skinflint-go/skinflint/adapters/goopenai v0.1.0
)

require golang.org/x/time v0.15.0 // indirect

replace (
	github.com/skinflint-go/skinflint => ..
	github.com/skinflint-go/skinflint/adapters/goopenai => ../adapters/goopenai
)
