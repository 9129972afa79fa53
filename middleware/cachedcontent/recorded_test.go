package cachedcontent_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
)

// An exchange is a recorded request with its answer.
type exchange struct {
	Provider        string            `json:"provider"`
	Commit          string            `json:"commit"`
	SourcePath      string            `json:"source_path"`
	Method          string            `json:"method"`
	Path            string            `json:"path"`
	RequestBody     string            `json:"request_body"`
	ResponseOnly    bool              `json:"response_only"`
	Status          int               `json:"status"`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body"`
}

const recordedFile = "../../../shared/data/traffic/cachedcontents.jsonl"

// Recorded lifecycles, whose names and times are the providers' own, replay through the client: it makes the requests that
// were recorded, and reads their answers.
func TestRecorded(t *testing.T) {
	file, err := os.Open(recordedFile)
	if err != nil {
		t.Skip("the recorded traffic is not there: ", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	n := 0
	for lines.Scan() {
		// Recorders have put placeholders where project and location stood.
		line := strings.NewReplacer("<GOOGLE_CLOUD_PROJECT>", "my-project", "<GOOGLE_CLOUD_LOCATION>", "europe-west4").Replace(lines.Text())
		var x exchange
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(x.Path, ":generateContent") {
			continue // that is the caller's own call
		}
		n++
		t.Run(fmt.Sprintf("%d %s", n, x.Method), func(t *testing.T) { replay(t, &x) })
	}
	if lines.Err() != nil || n < 20 {
		t.Errorf("%d exchanges, %v", n, lines.Err())
	}
}

// replay has the client make the request of an exchange, and checks what it says of the answer.
func replay(t *testing.T, x *exchange) {
	rt := roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Method != x.Method || req.URL.Path != x.Path {
			t.Errorf("sent %s %s, want %s %s", req.Method, req.URL.Path, x.Method, x.Path)
		}
		if req.Body != nil && !x.ResponseOnly {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return nil, err
			}
			sameJSON(t, string(body), x.RequestBody)
		}
		var header []string
		for k, v := range x.ResponseHeaders {
			header = append(header, k, v)
		}
		return answer(req, x.Status, x.ResponseBody, header...), nil
	})
	client := gemini(t, rt)
	if strings.HasPrefix(x.Provider, "aiplatform") {
		client = vertex(t, rt)
	}
	_, name, _ := strings.Cut(strings.TrimPrefix(x.Path, "/"), "/")
	want := metadata(t, x.ResponseBody)
	switch {
	case x.Method == "POST":
		c := content()
		if !x.ResponseOnly {
			c = contentOf(t, x.RequestBody)
		}
		got, err := client.Create(t.Context(), c)
		checkCache(t, got, err, want)
	case strings.HasSuffix(x.Path, "/cachedContents"):
		checkList(t, client, 2)
	case x.Method == "GET":
		got, err := client.Get(t.Context(), name)
		checkCache(t, got, err, want)
	case x.Method == "PATCH":
		got, err := client.Update(t.Context(), name, expiryOf(t, x.RequestBody))
		checkCache(t, got, err, want)
	default:
		if err := client.Delete(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}

// checkList checks how many caches are listed.
func checkList(t *testing.T, client *cachedcontent.Client, want int) {
	t.Helper()
	n := 0
	for _, err := range client.List(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		n++
	}
	if n != want {
		t.Errorf("listed %d, want %d", n, want)
	}
}

// expiryOf returns the expiry of a recorded body.
func expiryOf(t *testing.T, body string) cachedcontent.Expiry {
	t.Helper()
	var e struct{ TTL string }
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	ttl, err := time.ParseDuration(e.TTL)
	if err != nil {
		t.Fatal(err)
	}
	return cachedcontent.Expiry{TTL: ttl}
}

// contentOf returns the content of a recorded body.
func contentOf(t *testing.T, body string) cachedcontent.Content {
	t.Helper()
	type parts struct {
		Role  string
		Parts []cachedcontent.Part
	}
	var b struct {
		Model, TTL        string
		SystemInstruction parts
		Contents          []parts
	}
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		t.Fatal(err)
	}
	ttl, err := time.ParseDuration(b.TTL)
	if err != nil {
		t.Fatal(err)
	}
	c := cachedcontent.Content{Model: b.Model, TTL: ttl, System: b.SystemInstruction.Parts}
	for _, turn := range b.Contents {
		c.Turns = append(c.Turns, cachedcontent.Turn(turn))
	}
	return c
}

// metadata reads a recorded answer as a map.
func metadata(t *testing.T, body string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func checkCache(t *testing.T, got cachedcontent.Cache, err error, want map[string]any) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	usage, _ := want["usageMetadata"].(map[string]any)
	for field, pair := range map[string][2]any{
		"name":   {got.Name, want["name"]},
		"model":  {got.Model, want["model"]},
		"expire": {got.ExpireTime.Format(time.RFC3339Nano), want["expireTime"]},
		"update": {got.UpdateTime.Format(time.RFC3339Nano), want["updateTime"]},
		"create": {got.CreateTime.Format(time.RFC3339Nano), want["createTime"]},
		"tokens": {float64(got.Usage.Tokens), usage["totalTokenCount"]},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", field, pair[0], pair[1])
		}
	}
}

// sameJSON checks that two documents are equal.
func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	one, _ := json.Marshal(a)
	other, _ := json.Marshal(b)
	if string(one) != string(other) {
		t.Errorf("sent %.400s\nwant %.400s", one, other)
	}
}
