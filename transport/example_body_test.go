package transport_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

func ExampleBody() {
	req, _ := http.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(`{"service_tier":"auto","n":1}`))
	var body transport.Body
	if err := body.Load(req, transport.MustPaths("service_tier")); err != nil {
		panic(err)
	}
	for _, tier := range []string{`"flex"`, `"default"`} {
		attempt := req.WithContext(req.Context())
		if err := body.Attach(attempt, false, transport.Edit{Path: "service_tier", Value: tier}); err != nil {
			panic(err)
		}
		sent, _ := io.ReadAll(attempt.Body)
		fmt.Println(attempt.ContentLength, string(sent))
	}
	// Output:
	// 29 {"service_tier":"flex","n":1}
	// 32 {"service_tier":"default","n":1}
}

// Other writers can see the bytes of a body while it is scanned, here to recognise it by its hash.
func ExampleBody_Load() {
	req, _ := http.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(`{"model":"gpt-5"}`))
	req.Header["X-Stainless-Retry-Count"] = []string{"1"}
	var body transport.Body
	var also []io.Writer
	sum := sha256.New()
	if headers := body.Inspect(req.Header); headers.RetryCount != "" {
		also = append(also, sum)
	}
	if err := body.Load(req, transport.MustPaths("model"), also...); err != nil {
		panic(err)
	}
	fmt.Println(body.Fields().Text(transport.PathOf("model")), body.Written())
	fmt.Printf("%.4x\n", sum.Sum(nil))
	// Output:
	// gpt-5 true
	// 777710df
}

// The first messages are cut out of a request, for example because a cache has them.
func ExampleBody_Attach_cut() {
	req, _ := http.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(`{"contents":[{"a":1}, {"b":2}, {"c":3}]}`))
	contents := transport.PathOf("contents")
	var body transport.Body
	if err := body.Load(req, transport.MustPaths("contents").WithElements(contents)); err != nil {
		panic(err)
	}
	offsets, known := body.Fields().Elements()
	fmt.Println(offsets, known)
	if err := body.Attach(req, false, transport.Edit{Path: "contents", Cut: transport.Range{From: 0, To: 2}}); err != nil {
		panic(err)
	}
	sent, _ := io.ReadAll(req.Body)
	fmt.Println(string(sent))
	// Output:
	// [{13 20} {22 29} {31 38}] true
	// {"contents":[{"c":3}]}
}
