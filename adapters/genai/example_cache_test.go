package genai_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/genai"

	skinflintgenai "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// askBook asks questions about a book, which is in a context cache meanwhile.
func askBook(ctx context.Context, stack *middleware.Stack, key, book string, questions []string) (err error) {
	const model, instruction = "gemini-2.5-flash", "Answer from the book."
	client, err := skinflintgenai.NewClient(ctx, &genai.ClientConfig{APIKey: key, Backend: genai.BackendGeminiAPI}, stack)
	if err != nil {
		return err
	}
	caches, err := cachedcontent.NewGemini(nil, key)
	if err != nil {
		return err
	}
	handle, err := stack.Ensure(ctx, caches, cachedcontent.Content{
		Model:  model,
		System: []cachedcontent.Part{cachedcontent.Text(instruction)},
		Turns:  []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book))},
		TTL:    10 * time.Minute, // longer than the time between two questions
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, handle.Close(context.WithoutCancel(ctx))) }() // deletes the cache

	config := &genai.GenerateContentConfig{SystemInstruction: genai.NewContentFromText(instruction, genai.RoleUser)}
	for _, question := range questions {
		answer, err := client.Models.GenerateContent(ctx, model, []*genai.Content{
			genai.NewContentFromText(book, genai.RoleUser),     // a turn of its own, as in the cache
			genai.NewContentFromText(question, genai.RoleUser), // the next turn
		}, config)
		if err != nil {
			return err
		}
		fmt.Println(answer.Text())
	}
	fmt.Println(handle.Uses(), "of", len(questions), "questions used the cache")
	return nil
}

// The program sends the whole book with each question. The stack takes it out of the request and names the cache.
func Example_contextCache() {
	provider := llmtest.NewServer(llmtest.Config{Reply: func(llmtest.Turn) llmtest.Reply { return llmtest.Reply{Text: "By a prism."} }})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport())) // answers for Google here; leave it out to reach Google
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	if err := askBook(context.Background(), stack, "AI...", book, []string{"How is light refracted?", "How is it separated?"}); err != nil {
		panic(err)
	}
	// Output:
	// By a prism.
	// By a prism.
	// 2 of 2 questions used the cache
}

// askPDF asks a question about a PDF, which is in a context cache meanwhile.
func askPDF(ctx context.Context, stack *middleware.Stack, client *genai.Client, key, path, question string) (err error) {
	caches, err := cachedcontent.NewGemini(stack.Client(), key)
	if err != nil {
		return err
	}
	pdf, err := os.Open(path)
	if err != nil {
		return err
	}
	defer pdf.Close()
	file, err := caches.Upload(ctx, pdf, cachedcontent.UploadOptions{MIMEType: "application/pdf"})
	if err != nil {
		return err
	}
	if file, err = caches.WaitFile(ctx, file.Name); err != nil { // until its state is ACTIVE
		return err
	}
	handle, err := stack.Ensure(ctx, caches, cachedcontent.Content{
		Model: "gemini-2.5-flash",
		Turns: []cachedcontent.Turn{cachedcontent.User(cachedcontent.FileURI(file.MIMEType, file.URI))},
		TTL:   10 * time.Minute,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, handle.Close(context.WithoutCancel(ctx))) }()

	answer, err := client.Models.GenerateContent(ctx, "gemini-2.5-flash", []*genai.Content{
		genai.NewContentFromURI(file.URI, file.MIMEType, genai.RoleUser),
		genai.NewContentFromText(question, genai.RoleUser),
	}, nil)
	if err != nil {
		return err
	}
	fmt.Println(answer.Text())
	fmt.Println(handle.Uses(), "question used the cache")
	return nil
}

// A PDF is uploaded first. Cache and request name it by its URI.
func Example_contextCachePDF() {
	provider := llmtest.NewServer(llmtest.Config{Reply: func(llmtest.Turn) llmtest.Reply { return llmtest.Reply{Text: "Opticks."} }})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer stack.Close(ctx)
	client, err := skinflintgenai.NewClient(ctx, &genai.ClientConfig{APIKey: "AI...", Backend: genai.BackendGeminiAPI}, stack)
	if err != nil {
		panic(err)
	}
	pdf, err := os.CreateTemp("", "*.pdf")
	if err != nil {
		panic(err)
	}
	defer os.Remove(pdf.Name())
	if _, err := fmt.Fprint(pdf, "%PDF-1.7\n", book); err != nil {
		panic(err)
	}
	if err := pdf.Close(); err != nil {
		panic(err)
	}
	if err := askPDF(ctx, stack, client, "AI...", pdf.Name(), "Which book is it?"); err != nil {
		panic(err)
	}
	// Output:
	// Opticks.
	// 1 question used the cache
}
