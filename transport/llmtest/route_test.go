package llmtest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestOtherPaths(t *testing.T) {
	everywhere(t, "paths", llmtest.Config{Faults: llmtest.Sequence(llmtest.BadRequest)}, func(t *testing.T, srv *llmtest.Server) {
		for _, tt := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/v1/models", 200},
			{"GET", "/v1/chat/completions", 404},
			{"POST", "/v1/images", 404},
			{"POST", "/some/prefix/chat/completions", 400}, // the fault: it was recognised
		} {
			req, err := http.NewRequest(tt.method, srv.URL+tt.path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status || res.Header.Get("x-request-id") == "" {
				t.Errorf("%s %s: %d", tt.method, tt.path, res.StatusCode)
			}
			var v map[string]any
			if err := json.NewDecoder(res.Body).Decode(&v); err != nil || v["error"] == nil && v["data"] == nil {
				t.Errorf("%s %s: %v, %v", tt.method, tt.path, v, err)
			}
			res.Body.Close()
		}
		if r := srv.Requests(); len(r) != 4 || r[0].Path != "/v1/models" || r[3].N != 3 {
			t.Errorf("recorded %+v", r)
		}
	})
}
