package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const megabyte = 1 << 20

// prefixBodies are requests of about 1 MB.
func prefixBodies() map[string]struct {
	shape *PrefixShape
	body  string
} {
	prose := strings.Repeat("The rays which differ in colour differ also in their degrees of refrangibility;\\n\\tso much is plain. ", megabyte/100)
	random := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, megabyte*3/4)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	cyrillic := strings.Repeat("Лучи, различающиеся по цвету, различаются и по преломляемости. ", megabyte/115)
	escaped := strings.Builder{}
	for _, r := range cyrillic {
		if escaped.Len() > megabyte {
			break
		}
		fmt.Fprintf(&escaped, "\\u%04x", r)
	}
	turns, chat := strings.Builder{}, strings.Builder{}
	for i := range 1000 {
		text := fmt.Sprintf("turn %d: %s", i, strings.Repeat("Some words, and more of them. ", 33))
		role, chatRole := "user", "user"
		if i%2 == 1 {
			role, chatRole = "model", "assistant"
		}
		fmt.Fprintf(&turns, `{"role":%q,"parts":[{"text":%q}]},`, role, text)
		fmt.Fprintf(&chat, `{"role":%q,"content":%q},`, chatRole, text)
	}
	tool := map[string]any{"name": "lookup_order", "description": "Looks up one order of a customer by its number, and returns its state.", "parameters": map[string]any{
		"type": "object", "required": []string{"order", "customer"}, "properties": map[string]any{
			"order":    map[string]any{"type": "string", "description": "The number of the order."},
			"customer": map[string]any{"type": "string", "description": "The customer's id.", "enum": []string{"a", "b", "c"}},
			"depth":    map[string]any{"type": "integer", "description": "How deep to look.", "minimum": 0},
		},
	}}
	one, _ := json.Marshal(tool)
	tools := strings.Repeat(string(one)+",", megabyte/len(one))
	google := func(text string) string { return `{"contents":[{"role":"user","parts":[{"text":"` + text + `"}]}]}` }
	type c = struct {
		shape *PrefixShape
		body  string
	}
	return map[string]c{
		"prose":    {generatePrefix, google(prose)},
		"cyrillic": {generatePrefix, google(cyrillic)},
		"chinese":  {generatePrefix, google(strings.Repeat("不同颜色的光线，其折射程度也不同。", megabyte/51))},
		"emoji":    {generatePrefix, google(strings.Repeat("Colours \U0001F308 differ \U0001F52D in refrangibility, and é too. ", megabyte/68))},
		"escapes":  {generatePrefix, google(escaped.String())},
		"base64": {generatePrefix, `{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"` +
			base64.StdEncoding.EncodeToString(raw) + `"}},{"text":"what is it?"}]}]}`},
		"turns": {generatePrefix, `{"contents":[` + strings.TrimSuffix(turns.String(), ",") + `]}`},
		"chat":  {chatPrefix, `{"messages":[` + strings.TrimSuffix(chat.String(), ",") + `]}`},
		"tools": {generatePrefix, `{"tools":[{"functionDeclarations":[` + strings.TrimSuffix(tools, ",") + `]}],"contents":[]}`},
	}
}

// BenchmarkPrefix reads requests of 1 MB in pieces of 32 KB, as a body comes. The metric "x-sha256" is how many times longer
// that takes than one SHA-256 of the same bytes, both at their fastest, which other load on the machine changes least.
func BenchmarkPrefix(b *testing.B) {
	for name, test := range prefixBodies() {
		body := []byte(test.body)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			reading, hashing := time.Hour, time.Hour
			for b.Loop() {
				start := time.Now()
				r := NewPrefixReader(test.shape)
				for p := body; len(p) > 0; {
					n := min(len(p), 32<<10)
					r.Write(p[:n])
					p = p[n:]
				}
				if p := r.Prefix(); p.Problem != "" {
					b.Fatal(p.Problem)
				}
				r.Release()
				reading = min(reading, time.Since(start))
				b.StopTimer()
				start = time.Now()
				sha256.Sum256(body)
				hashing = min(hashing, time.Since(start))
				b.StartTimer()
			}
			b.ReportMetric(float64(reading)/float64(hashing), "x-sha256")
		})
	}
}
