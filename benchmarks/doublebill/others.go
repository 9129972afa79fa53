package main

import (
	"context"
	"errors"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"google.golang.org/genai"

	skinflintanthropic "github.com/skinflint-go/skinflint/adapters/anthropic"
	skinflintazopenai "github.com/skinflint-go/skinflint/adapters/azopenai"
	skinflintgenai "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/policy"
)

// others are the other SDKs, each alone and over skinflint.
func others() []client {
	return []client{
		{name: "anthropic-sdk-go", set: "default, 2 retries; no tiers", open: openAnthropic(plainAnthropic)},
		{name: "ours under anthropic-sdk-go", set: "no tiers", open: openAnthropic(oursAnthropic)},
		{name: "azopenai", set: "default, 3 retries; TryTimeout; no tiers", open: openAzure(plainAzure)},
		{name: "ours under azopenai", set: "no tiers", open: openAzure(oursAzure)},
		{name: "genai with retry options", set: "4 retries; HTTPOptions.Timeout, for them all; a 500 is not charged", open: openGemini(plainGemini), free500: true},
		{name: "ours under genai", set: "flex, then standard; a 500 is not charged", open: openGemini(oursGemini), free500: true},
	}
}

func openAnthropic(open func(*provider) (anthropic.Client, error)) func(context.Context, *provider) (caller, error) {
	return func(_ context.Context, p *provider) (caller, error) {
		client, err := open(p)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, prompt string, stream bool) error {
			params := anthropic.MessageNewParams{
				Model: "claude-sonnet-4-5", MaxTokens: 1024,
				Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(prompt))},
			}
			if !stream {
				_, err := client.Messages.New(ctx, params)
				return err
			}
			s := client.Messages.NewStreaming(ctx, params)
			defer s.Close()
			for s.Next() {
			}
			return s.Err()
		}, nil
	}
}

const anthropicKey = "sk-ant-none"

func plainAnthropic(p *provider) (anthropic.Client, error) {
	return anthropic.NewClient(anthropicoption.WithAPIKey(anthropicKey), anthropicoption.WithHTTPClient(p.client()),
		anthropicoption.WithRequestTimeout(timeout)), nil
}

func oursAnthropic(p *provider) (anthropic.Client, error) {
	stack, err := p.stack(cheap(policy.Policy{}))
	if err != nil {
		return anthropic.Client{}, err
	}
	return skinflintanthropic.NewClient(anthropicKey, stack), nil
}

const (
	azureEndpoint   = "https://skinflint.openai.azure.com"
	azureDeployment = "gpt-5"
)

func openAzure(open func(*provider, *azcore.KeyCredential) (*azopenai.Client, error)) func(context.Context, *provider) (caller, error) {
	return func(_ context.Context, p *provider) (caller, error) {
		client, err := open(p, azcore.NewKeyCredential("none"))
		if err != nil {
			return nil, err
		}
		deployment := azureDeployment
		return func(ctx context.Context, prompt string, stream bool) error {
			messages := []azopenai.ChatRequestMessageClassification{
				&azopenai.ChatRequestUserMessage{Content: azopenai.NewChatRequestUserMessageContent(prompt)},
			}
			if !stream {
				_, err := client.GetChatCompletions(ctx, azopenai.ChatCompletionsOptions{DeploymentName: &deployment, Messages: messages}, nil)
				return err
			}
			resp, err := client.GetChatCompletionsStream(ctx, azopenai.ChatCompletionsStreamOptions{DeploymentName: &deployment, Messages: messages}, nil)
			if err != nil {
				return err
			}
			s := resp.ChatCompletionsStream
			defer s.Close()
			for err == nil {
				_, err = s.Read()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}, nil
	}
}

func plainAzure(p *provider, key *azcore.KeyCredential) (*azopenai.Client, error) {
	var o azopenai.ClientOptions
	o.Transport, o.Retry.TryTimeout = p.client(), timeout
	return azopenai.NewClientWithKeyCredential(azureEndpoint, key, &o)
}

func oursAzure(p *provider, key *azcore.KeyCredential) (*azopenai.Client, error) {
	stack, err := p.stack(cheap(policy.Policy{}))
	if err != nil {
		return nil, err
	}
	return skinflintazopenai.NewClientWithKeyCredential(azureEndpoint, key, stack, nil)
}

func openGemini(open func(context.Context, *provider, *genai.ClientConfig) (*genai.Client, error)) func(context.Context, *provider) (caller, error) {
	return func(ctx context.Context, p *provider) (caller, error) {
		client, err := open(ctx, p, &genai.ClientConfig{APIKey: "none", Backend: genai.BackendGeminiAPI})
		if err != nil {
			return nil, err
		}
		var config genai.GenerateContentConfig
		if p.store == nil {
			config.ServiceTier = genai.ServiceTierFlex
		}
		const model = "gemini-2.5-flash"
		return func(ctx context.Context, prompt string, stream bool) (err error) {
			if !stream {
				_, err := client.Models.GenerateContent(ctx, model, genai.Text(prompt), &config)
				return err
			}
			for _, err = range client.Models.GenerateContentStream(ctx, model, genai.Text(prompt), &config) {
				if err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
}

func plainGemini(ctx context.Context, p *provider, c *genai.ClientConfig) (*genai.Client, error) {
	within := timeout
	c.HTTPClient = p.client()
	c.HTTPOptions = genai.HTTPOptions{RetryOptions: &genai.HTTPRetryOptions{}, Timeout: &within}
	return genai.NewClient(ctx, c)
}

func oursGemini(ctx context.Context, p *provider, c *genai.ClientConfig) (*genai.Client, error) {
	stack, err := p.stack(cheap(policy.Policy{}))
	if err != nil {
		return nil, err
	}
	return skinflintgenai.NewClient(ctx, c, stack)
}
