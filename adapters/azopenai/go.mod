module github.com/skinflint-go/skinflint/adapters/azopenai

go 1.25.0

require (
	github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai v0.7.2
	github.com/Azure/azure-sdk-for-go/sdk/azcore v1.16.0
	github.com/skinflint-go/skinflint v0.1.0
)

require (
	github.com/Azure/azure-sdk-for-go/sdk/internal v1.10.0 // indirect
	golang.org/x/net v0.33.0 // indirect
	golang.org/x/text v0.21.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/skinflint-go/skinflint => ../..
