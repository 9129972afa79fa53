package cachedcontent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A book is cached, a question is asked about it, and the cache is deleted. All of it has rows in the ledger.
func Example() {
	srv := llmtest.NewServer(llmtest.Config{}) // in the place of the provider
	defer srv.Close()
	stack, err := middleware.New(middleware.WithBase(srv.Transport()))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer stack.Close(ctx)

	client, err := cachedcontent.NewGemini(stack.Client(), "key")
	if err != nil {
		fmt.Println(err)
		return
	}
	cache, err := client.Create(ctx, cachedcontent.Content{
		Model:  "gemini-2.5-flash",
		System: []cachedcontent.Part{cachedcontent.Text("You answer questions about a book.")},
		Turns:  []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book))},
		TTL:    10 * time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	withCache := policy.With(ctx, policy.CachedContent(cache.Name))
	ask(withCache, stack.Client(), "What is light?")
	if err := client.Delete(ctx, cache.Name); err != nil {
		fmt.Println(err)
	}
	for _, row := range stack.Rows() {
		if row.Outcome == policy.Billed {
			fmt.Println(row.Operation, "reads from the cache:", row.Usage.CachedInput > 0)
		}
	}
	fmt.Println("storage is paid:", stack.Totals().Storage.Sign() > 0)
	// Output:
	// create_cache reads from the cache: false
	// generate reads from the cache: true
	// storage is paid: true
}

// ask asks a question, as an SDK would.
func ask(ctx context.Context, hc *http.Client, question string) {
	const url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
	body := `{"contents":[{"role":"user","parts":[{"text":"` + question + `"}]}]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("X-Goog-Api-Key", "key")
	resp, err := hc.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
}

// newClient returns a client for a provider that runs in this process.
func newClient(srv *llmtest.Server, options ...cachedcontent.Option) *cachedcontent.Client {
	client, err := cachedcontent.NewGemini(srv.Client(), "key", options...)
	if err != nil {
		panic(err)
	}
	return client
}

// opticks is a content to be cached.
func opticks() cachedcontent.Content {
	return cachedcontent.Content{
		Model: "gemini-2.5-flash", DisplayName: "Opticks", TTL: 10 * time.Minute,
		Turns: []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book))},
	}
}

func ExampleNewGemini() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	// Requests go to another server than Google's, and are authorised by it in its own way.
	client, err := cachedcontent.NewGemini(nil, "", cachedcontent.WithBaseURL(srv.URL),
		cachedcontent.WithHeader(func(_ context.Context, h http.Header) error {
			h.Set("Authorization", "Bearer a token of the gateway")
			return nil
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for range client.List(context.Background()) {
	}
	fmt.Println(client.Provider(), srv.Requests()[0].Path, srv.Requests()[0].Header.Get("Authorization"))
	// Output: gemini /v1beta/cachedContents Bearer a token of the gateway
}

func ExampleNewVertex() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	stack, err := middleware.New(middleware.WithBase(srv.Transport()))
	if err != nil {
		fmt.Println(err)
		return
	}
	token := func(context.Context) (string, error) { return "ya29.token", nil }
	client, err := cachedcontent.NewVertex(stack.Client(), "my-project", "europe-west4", token)
	if err != nil {
		fmt.Println(err)
		return
	}
	cache, err := client.Create(context.Background(), opticks())
	if err != nil {
		fmt.Println(err)
		return
	}
	// The name has the number of the project.
	fmt.Println(strings.HasPrefix(cache.Name, "projects/my-project/"), strings.Contains(cache.Name, "/locations/europe-west4/cachedContents/"))
	fmt.Println(cache.Model)
	// Output:
	// false true
	// projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash
}

func ExampleClient_Create() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	cache, err := newClient(srv).Create(context.Background(), opticks())
	fmt.Println(cache.Model, cache.DisplayName, cache.Usage.Tokens > 1024, cache.ExpireTime.Sub(cache.CreateTime).Round(time.Minute), err)

	tooOld := opticks()
	tooOld.TTL = 0
	_, err = newClient(srv).Create(context.Background(), tooOld)
	fmt.Println(err)
	// Output:
	// models/gemini-2.5-flash Opticks true 10m0s <nil>
	// cachedcontent: TTL is 0s: want more than 0, or an ExpireTime
}

func ExampleClient_Update() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	ctx, client := context.Background(), newClient(srv)
	cache, err := client.Create(ctx, opticks())
	if err != nil {
		fmt.Println(err)
		return
	}
	longer, err := client.Update(ctx, cache.Name, cachedcontent.Expiry{TTL: time.Hour})
	fmt.Println(longer.Name == cache.Name, time.Until(longer.ExpireTime).Round(time.Minute), err)
	// Output: true 1h0m0s <nil>
}

func ExampleClient_List() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	ctx, client := context.Background(), newClient(srv)
	if _, err := client.Create(ctx, opticks()); err != nil {
		fmt.Println(err)
		return
	}
	// A program deletes what an earlier run of it has left.
	for cache, err := range client.List(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if cache.DisplayName == "Opticks" {
			fmt.Println("delete", cache.DisplayName, client.Delete(ctx, cache.Name))
		}
	}
	// Output: delete Opticks <nil>
}

func ExampleClient_Delete() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	ctx, client := context.Background(), newClient(srv)
	cache, err := client.Create(ctx, opticks())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Delete(ctx, cache.Name))
	err = client.Delete(ctx, cache.Name)
	fmt.Println(cachedcontent.IsDead(err), err)
	// Output:
	// <nil>
	// true cachedcontent: delete cache: status 403 PERMISSION_DENIED: the cache does not exist any more, or is not this key's
}

func ExampleClient_Get() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	_, err := newClient(srv).Get(context.Background(), "cachedContents/unknown")
	fmt.Println(cachedcontent.KindOf(err))
	// Output: dead
}

func ExampleError() {
	srv := llmtest.NewServer(llmtest.Config{MinCacheTokens: 1 << 20})
	defer srv.Close()
	_, err := newClient(srv).Create(context.Background(), opticks())
	switch cachedcontent.KindOf(err) {
	case cachedcontent.TooSmall:
		fmt.Println("sent without a cache")
	case cachedcontent.FreeTier:
		fmt.Println("this key never has caches")
	default:
		fmt.Println(err)
	}
	// Output: sent without a cache
}

func ExampleClient_CreateFromFile() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	ctx, client := context.Background(), newClient(srv)

	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "book.pdf")
	if err := os.WriteFile(path, bytes.Repeat([]byte("%PDF-1.7 "), 2_000_000), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	cache, file, err := client.CreateFromFile(ctx, cachedcontent.Content{Model: "gemini-2.5-flash", TTL: time.Hour}, path,
		cachedcontent.UploadOptions{Progress: func(sent, size int64) { fmt.Println(sent*100/size, "%") }})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cache.Usage.Tokens > 0, file.MIMEType)
	fmt.Println(client.Delete(ctx, cache.Name), client.DeleteFile(ctx, file.Name))
	// Output:
	// 46 %
	// 93 %
	// 100 %
	// true application/pdf
	// <nil> <nil>
}

func ExampleClient_Upload() {
	srv := llmtest.NewServer(llmtest.Config{})
	defer srv.Close()
	ctx, client := context.Background(), newClient(srv)
	file, err := client.Upload(ctx, strings.NewReader(book), cachedcontent.UploadOptions{MIMEType: "text/plain", DisplayName: "Opticks"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if file, err = client.WaitFile(ctx, file.Name); err != nil {
		fmt.Println(err)
		return
	}
	c := opticks()
	c.Turns = []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text("This is a book."), file.Part())}
	_, err = client.Create(ctx, c)
	fmt.Println(file.State, file.Size, file.ExpireTime.Sub(file.CreateTime).Round(time.Hour), err)
	// Output: ACTIVE 20400 48h0m0s <nil>
}

func ExampleClient_Hash() {
	client, err := cachedcontent.NewGemini(nil, "key")
	if err != nil {
		fmt.Println(err)
		return
	}
	one, other := opticks(), opticks()
	one.Tools = json.RawMessage(`[{"functionDeclarations": [{"name": "look", "description": "Looks."}]}]`)
	other.Tools = json.RawMessage(`[{"functionDeclarations":[{"description":"Looks.","name":"look"}]}]`)
	other.TTL = time.Hour
	a, err := client.Hash(one)
	b, err2 := client.Hash(other)
	fmt.Println(a == b, len(a.String()), err, err2)
	// Output: true 64 <nil> <nil>
}

// A request begins with a content if the elements of its prefix do.
func ExampleClient_Elements() {
	client, err := cachedcontent.NewGemini(nil, "key")
	if err != nil {
		fmt.Println(err)
		return
	}
	c := opticks()
	c.System = []cachedcontent.Part{cachedcontent.Text("You answer questions about a book.")}
	elements, err := client.Elements(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range elements {
		fmt.Println(e.Kind == wire.SystemElement, e.Kind == wire.TurnElement)
	}
	hash, err := client.Hash(c)
	fmt.Println(hash == cachedcontent.HashOf(elements), err)
	// Output:
	// true false
	// false true
	// true <nil>
}

func ExampleFunctionTools() {
	tools, err := cachedcontent.FunctionTools(cachedcontent.Function{
		Name: "look", Description: "Looks a word up.", Parameters: json.RawMessage(`{"type":"OBJECT"}`),
	})
	fmt.Println(string(tools), err)
	fmt.Println(string(cachedcontent.ToolMode("ANY", "look")))
	// Output:
	// [{"functionDeclarations":[{"name":"look","description":"Looks a word up.","parameters":{"type":"OBJECT"}}]}] <nil>
	// {"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["look"]}}
}

func ExampleContent_Validate() {
	c := cachedcontent.Content{
		Model: "gemini-2.5-flash", TTL: time.Hour,
		Turns: []cachedcontent.Turn{cachedcontent.User(
			cachedcontent.Text("Compare these."),
			cachedcontent.Data("pdf", []byte("%PDF")),
			cachedcontent.FileURI("application/pdf", "gs://bucket/other.pdf"),
		)},
	}
	fmt.Println(c.Validate("gemini"))
	// Output: cachedcontent: Turns[0].Parts[1].MIMEType is "pdf": want a MIME type, such as application/pdf
}

func ExampleExplicitCaching() {
	fmt.Println(cachedcontent.ExplicitCaching("gemini-3.1-pro-preview"), cachedcontent.ExplicitCaching("models/gemini-4-argon"))
	// Output: true false
}

// Two replicas want the same cache.
func ExampleMemory() {
	ctx := context.Background()
	var registry cachedcontent.Registry = new(cachedcontent.Memory)
	key := cachedcontent.Key{Provider: "gemini", Account: "a fingerprint", Model: "gemini-2.5-flash"}

	first, _ := registry.Claim(ctx, key, "replica 1", time.Minute)
	later, _ := registry.Claim(ctx, key, "replica 2", time.Minute)
	fmt.Println(first.Mine, later.Mine, later.Wait > 0)

	// Replica 1 creates the cache and publishes it.
	made := cachedcontent.Entry{Name: "cachedContents/abc", Tokens: 5000, Expires: time.Now().Add(time.Hour), Owner: "replica 1"}
	inForce, _ := registry.Publish(ctx, key, made)
	later, _ = registry.Claim(ctx, key, "replica 2", time.Minute)
	fmt.Println(inForce.Name == made.Name, later.Entry.Name)

	// A call finds that the cache is dead.
	forgotten, _ := registry.Forget(ctx, key, "cachedContents/abc")
	again, _ := registry.Claim(ctx, key, "replica 2", time.Minute)
	fmt.Println(forgotten, again.Mine)
	// Output:
	// true false true
	// true cachedContents/abc
	// true true
}
