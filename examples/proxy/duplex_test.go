package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// notHeld are paths of requests whose bodies the proxy forwards while they arrive.
var notHeld = []string{
	"/v1/messages/count_tokens", "/v1/batches", "/v1/audio/speech", "/v1/moderations", "/v1/responses/input_tokens",
	"/v1beta/cachedContents", "/v1/fim/completions", "/v1/ocr", "/v1/files", "/v1/unheard/of",
}

// held are paths of requests whose bodies it reads first.
var held = []string{
	"/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/v1beta/models/gemini-2.5-flash:generateContent",
}

// TestNoAnswerIsLost has an upstream that writes the header of its answer some milliseconds before the body, and clients
// that keep their connections. Without EnableFullDuplex, the server of net/http then reads and closes the body of the
// request when the header is forwarded, although the transport may not have finished with it.
func TestNoAnswerIsLost(t *testing.T) {
	const answer = `{"object":"x","text":"` + "0123456789" + `"}`
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("the upstream reads %v", err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Length", fmt.Sprint(len(body)))
		w.(http.Flusher).Flush()
		time.Sleep(3 * time.Millisecond)
		io.WriteString(w, answer)
	}))
	t.Cleanup(upstream.Close)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8)) // or the race is rare
	p := start(t, upstream.URL)
	const workers, calls = 20, 1000
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	for name, paths := range map[string][]string{"held": held, "not held": notHeld} {
		t.Run(name, func(t *testing.T) {
			var next, lost atomic.Int64
			done := make(chan struct{})
			for range workers {
				go func() {
					defer func() { done <- struct{}{} }()
					for n := next.Add(1); n <= calls; n = next.Add(1) {
						body := chatBody("gpt-5-mini", strings.Repeat("x", int(n)), "")
						if err := post(client, p.url+paths[n%int64(len(paths))], body, n%3 == 0, answer); err != nil {
							if lost.Add(1) <= 3 {
								t.Errorf("%s: %v", paths[n%int64(len(paths))], err)
							}
						}
					}
				}()
			}
			for range workers {
				<-done
			}
			if n := lost.Load(); n > 0 {
				t.Errorf("%d of %d answers are lost", n, calls)
			}
		})
	}
	for _, r := range p.rows() {
		if r.Outcome == "partial" || r.Outcome == "ambiguous" {
			t.Fatalf("%+v", r)
		}
	}
}

// post makes a request and checks its answer. If chunked is set, it does not say how long its body is.
func post(client *http.Client, url, body string, chunked bool, want string) error {
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		return err
	}
	if chunked {
		req.ContentLength = -1
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != 200 || string(text) != want:
		return fmt.Errorf("%d %s", resp.StatusCode, text)
	case resp.Close:
		return errors.New("the connection is closed")
	case resp.Header.Get("X-Length") != fmt.Sprint(len(body)):
		return fmt.Errorf("%s bytes of %d arrive", resp.Header.Get("X-Length"), len(body))
	}
	return nil
}
