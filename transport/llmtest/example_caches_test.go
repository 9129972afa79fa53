package llmtest_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleServer_NewCache() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	name := srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
	status, _ := call(srv.Client(), "POST", geminiHost+"/models/gemini-2.5-flash:generateContent",
		`{`+question+`,"cachedContent":"`+name+`"}`)
	g := srv.Meter()[0]
	fmt.Println(status, g.Prompt, "in, of them from the cache:", g.Cached, g.Cache == name)
	// Output:
	// 200 OK 5009 in, of them from the cache: 5000 true
}

// A cache can be deleted before it expires. The client notices when it uses the cache.
func ExampleServer_KillCache() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	name := srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
	fmt.Println(srv.KillCache(name))
	fmt.Println(srv.KillCache(name))
	status, _ := call(srv.Client(), "POST", geminiHost+"/models/gemini-2.5-flash:generateContent",
		`{`+question+`,"cachedContent":"`+name+`"}`)
	fmt.Println(status)
	// Output:
	// true
	// false
	// 403 Forbidden
}

// The storage of all caches until a given time, in tokens times hours.
func ExampleServer_Caches() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
	srv.NewCache("gemini-2.5-flash", 2000, 30*time.Minute)
	var tokenHours float64
	for _, c := range srv.Caches() {
		tokenHours += float64(c.Tokens) * c.Stored(time.Now().Add(24*time.Hour)).Hours()
	}
	fmt.Println(tokenHours)
	// Output:
	// 6000
}

func ExampleCache_Stored() {
	made := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := llmtest.Cache{Created: made, Expires: made.Add(time.Hour), Deleted: made.Add(20 * time.Minute)}
	fmt.Println(c.Stored(made.Add(5*time.Minute)), c.Stored(made.Add(5*time.Hour)))
	// Output:
	// 5m0s 20m0s
}

func ExampleCache_Alive() {
	made := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := llmtest.Cache{Created: made, Expires: made.Add(time.Hour)}
	fmt.Println(c.Alive(made), c.Alive(made.Add(time.Hour)))
	// Output:
	// true false
}
