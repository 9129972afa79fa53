package azopenai_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"

	skinflintazopenai "github.com/skinflint-go/skinflint/adapters/azopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleNewClient() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	var credential azcore.TokenCredential = entra{} // such as azidentity's DefaultAzureCredential
	client, err := skinflintazopenai.NewClient("https://mine.openai.azure.com", credential, stack, nil)
	if err != nil {
		panic(err)
	}
	if _, err := client.GetChatCompletions(context.Background(), question("gpt-5", "Who is it?"), nil); err != nil {
		panic(err)
	}
	fmt.Println(provider.Requests()[0].Header.Get("Authorization"))
	// Output: Bearer token of Entra ID
}

func ExampleNewClientForOpenAI() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(
		middleware.WithBase(provider.Transport())) // answers for api.openai.com here; leave it out to reach the real one
	if err != nil {
		panic(err)
	}
	client, err := skinflintazopenai.NewClientForOpenAI("https://api.openai.com/v1", azcore.NewKeyCredential("sk-..."), stack, nil)
	if err != nil {
		panic(err)
	}
	if _, err := client.GetChatCompletions(context.Background(), question("gpt-5", "Who saves?"), nil); err != nil {
		panic(err)
	}
	fmt.Println(stack.Rows()[0].Provider, stack.Totals().Cost)
	// Output: openai 0.0017025
}

func ExampleNewClientWithKeyCredential() {
	prices, err := price.Parse("mine", strings.NewReader(`{"providers": {"azure": {"models": {"gpt-5": {
		"limits": {"max_output": 128000},
		"periods": [{"source": "our contract", "tiers": {"standard": [
			{"usd_per_million": {"input": "1.25", "cached_input": "0.125", "output": "10"}}]}}]}}}}}`))
	if err != nil {
		panic(err)
	}
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited)})
	defer provider.Close()
	stack, err := middleware.New(
		middleware.WithCatalog(prices),
		middleware.WithBase(provider.Transport())) // answers for Azure here; leave it out to reach the real one
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	client, err := skinflintazopenai.NewClientWithKeyCredential("https://mine.openai.azure.com", azcore.NewKeyCredential("..."), stack, nil)
	if err != nil {
		panic(err)
	}
	answer, err := client.GetChatCompletions(context.Background(), question("gpt-5", "Who saves?"), nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(*answer.Usage.CompletionTokens, "tokens written")
	for _, row := range stack.Rows() {
		fmt.Println(row.Outcome, row.Cost)
	}
	// Output:
	// 169 tokens written
	// rejected 0
	// billed 0.0017025
}

func question(deployment, text string) azopenai.ChatCompletionsOptions {
	return azopenai.ChatCompletionsOptions{
		DeploymentName: to.Ptr(deployment),
		Messages: []azopenai.ChatRequestMessageClassification{
			&azopenai.ChatRequestUserMessage{Content: azopenai.NewChatRequestUserMessageContent(text)},
		},
	}
}

// entra is a credential.
type entra struct{}

func (entra) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token of Entra ID"}, nil
}
