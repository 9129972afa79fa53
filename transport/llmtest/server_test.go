package llmtest_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestAnyHost(t *testing.T) {
	bothVersions(t, "hosts", llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		for _, base := range []string{"http://llm.example", "https://api.openai.com", srv.URL} {
			res, err := srv.Client().Get(base + "/v1/models")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s: %d", base, res.StatusCode)
			}
		}
	})
}

func TestClose(t *testing.T) {
	bothVersions(t, "twice", llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		mustSend(t, srv, body("hi"), http.StatusOK)
		srv.Close()
		srv.Close()
		if got := send(t.Context(), srv, body("hi")); !errors.Is(got.err, syscall.ECONNREFUSED) {
			t.Errorf("got status %d, error %v; want ECONNREFUSED", got.status, got.err)
		}
		if len(srv.Meter()) != 1 || len(srv.Requests()) != 1 {
			t.Error("the records are lost")
		}
	})
}

func TestCloseCutsStream(t *testing.T) {
	// The delay does not end, in real time either.
	bothVersions(t, "stream", llmtest.Config{ChunkDelay: 1 << 62}, func(t *testing.T, srv *llmtest.Server) {
		res, err := srv.Client().Post(srv.URL+chatPath, "application/json", strings.NewReader(body("hi", `"stream":true`)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		in := bufio.NewReader(res.Body)
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
			t.Fatalf("the first event was not flushed: %q, %v", line, err)
		}
		srv.Close()
		if _, err := in.ReadString(0); err == nil {
			t.Error("the stream goes on")
		}
		if len(srv.Meter()) != 1 {
			t.Error("a stream that started was not billed")
		}
	})
}

func TestCloseAtOnce(t *testing.T) {
	for range 50 {
		bothVersions(t, "idle", llmtest.Config{}, func(*testing.T, *llmtest.Server) {})
	}
}

func TestCloseUnderLoad(t *testing.T) {
	bothVersions(t, "load", llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for send(t.Context(), srv, body("hi")).err == nil {
				}
			})
		}
		mustSend(t, srv, body("hi"), http.StatusOK)
		srv.Close()
		wg.Wait()
	})
}

func TestConcurrent(t *testing.T) {
	cfg := llmtest.Config{Flex: llmtest.Schedule("x."), Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
		if n%5 == 0 {
			return llmtest.ResetAfterAccept
		}
		return llmtest.NoFault
	})}
	bothVersions(t, "clients", cfg, func(t *testing.T, srv *llmtest.Server) {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				send(t.Context(), srv, body(fmt.Sprint(i)))
				_, _ = srv.Meter(), srv.Requests()
			})
		}
		wg.Wait()
		checkBooks(t, srv, 100)
	})
}

func checkBooks(t *testing.T, srv *llmtest.Server, n int) {
	t.Helper()
	ids, calls, resets := map[string]bool{}, map[string]bool{}, 0
	for _, g := range srv.Meter() {
		ids[g.ID], calls[g.Call] = true, true
	}
	for i, r := range srv.Requests() {
		if r.N != i {
			t.Errorf("request %d says it is %d", i, r.N)
		}
		if r.Fault == llmtest.ResetAfterAccept {
			resets++
		}
	}
	if len(ids) != n || len(calls) != n || resets != n/5 {
		t.Errorf("%d ids, %d calls, %d resets", len(ids), len(calls), resets)
	}
}

func TestRefuseDials(t *testing.T) {
	bothVersions(t, "dials", llmtest.Config{RefuseDials: func(n int) bool { return n < 2 }},
		func(t *testing.T, srv *llmtest.Server) {
			for range 2 {
				if got := send(t.Context(), srv, body("hi")); !errors.Is(got.err, syscall.ECONNREFUSED) {
					t.Errorf("got %v, want ECONNREFUSED", got.err)
				}
			}
			mustSend(t, srv, body("hi"), http.StatusOK)
			if len(srv.Requests()) != 1 || len(srv.Meter()) != 1 {
				t.Errorf("%d requests arrived, %d billed", len(srv.Requests()), len(srv.Meter()))
			}
		})
}

func TestTransportIsOne(t *testing.T) {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()
	if first, second := srv.Transport(), srv.Transport(); first != second || srv.Client().Transport != srv.Transport() {
		t.Error("there are two transports")
	}
}

func TestProtocolVersion(t *testing.T) {
	bothVersions(t, "major", llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		want := 1
		if srv.Transport().Protocols != nil {
			want = 2
		}
		for _, base := range []string{"http://llm.example", "https://api.openai.com", "https://api.openai.com", srv.URL} {
			res, err := srv.Client().Post(base+chatPath, "application/json", strings.NewReader(body("hi")))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK || res.ProtoMajor != want {
				t.Errorf("%s: %s, %d", base, res.Proto, res.StatusCode)
			}
		}
	})
}

func TestHTTP2ForeignTransport(t *testing.T) {
	srv := llmtest.NewServer(llmtest.Config{HTTP2: true})
	defer srv.Close()
	for _, http2 := range []bool{true, false} {
		tr := &http.Transport{Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(http2)
		tr.Protocols.SetHTTP1(!http2)
		res, err := (&http.Client{Transport: tr}).Get(srv.URL + "/v1/models")
		if err == nil {
			res.Body.Close()
		}
		if ok := err == nil && res.StatusCode == http.StatusOK; ok != http2 {
			t.Errorf("HTTP/2 %t: %v", http2, err)
		}
		tr.CloseIdleConnections()
	}
}
