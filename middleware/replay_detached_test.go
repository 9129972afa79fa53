package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// These tests are about bases that send a request under a context of their own, so that nothing is reported (httptrace).

// detached sends every request as it is, and reports nothing.
func detached(next http.RoundTripper) http.RoundTripper {
	return transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithCancel(context.Background())
		stop := context.AfterFunc(req.Context(), cancel)
		resp, err := next.RoundTrip(req.Clone(ctx))
		if err != nil {
			stop()
			cancel()
		}
		return resp, err
	})
}

// persistent is detached, and sends a request that fails again, as often as GetBody gives it a body.
func persistent(next http.RoundTripper, times int) http.RoundTripper {
	return stubborn(detached(next), times, 500)
}

// stubborn sends a request that fails, or is answered with such a status or a higher one, again, as often as GetBody gives it
// a body.
func stubborn(next http.RoundTripper, times, status int) http.RoundTripper {
	return transport.RoundTripperFunc(func(req *http.Request) (resp *http.Response, err error) {
		for n := range times {
			again := req
			if n > 0 && req.GetBody == nil {
				return resp, err
			} else if n > 0 {
				again = req.Clone(req.Context())
				if again.Body, err = req.GetBody(); err != nil {
					return nil, err
				}
			}
			if resp, err = next.RoundTrip(again); err == nil && resp.StatusCode < status {
				return resp, nil
			}
		}
		return resp, err
	})
}

// bodiesOf returns bodies of all kinds for a chat: in memory, long, given once, of unknown length.
func bodiesOf() map[string]func(*http.Request) {
	long := `{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"` + strings.Repeat("again ", 20_000) + `"}]}`
	give := func(text string, again bool) func(*http.Request) {
		return func(req *http.Request) {
			open := func() (io.ReadCloser, error) { return io.NopCloser(io.MultiReader(strings.NewReader(text))), nil }
			req.Body, _ = open()
			req.ContentLength = int64(len(text))
			if req.GetBody = nil; again {
				req.GetBody = open
			}
		}
	}
	return map[string]func(*http.Request){
		"short":                   give(chatBody, true),
		"short, once":             give(chatBody, false),
		"long":                    give(long, true),
		"long, once":              give(long, false),
		"unknown length":          func(req *http.Request) { give(chatBody, true)(req); req.ContentLength = -1 },
		"long, of unknown length": func(req *http.Request) { give(long, false)(req); req.ContentLength = -1 },
	}
}

// The server bills, and the connection fails. Whatever the base does then, and whatever it can see, the call is billed once.
// Its row says so.
func TestDetachedBaseIsBilledOnce(t *testing.T) {
	for name, base := range map[string]func(http.RoundTripper) http.RoundTripper{
		"detached": detached, "persistent": func(next http.RoundTripper) http.RoundTripper { return persistent(next, 3) },
		"stubborn": func(next http.RoundTripper) http.RoundTripper { return stubborn(next, 3, 600) },
		"a client": func(next http.RoundTripper) http.RoundTripper {
			return transport.RoundTripperFunc((&http.Client{Transport: detached(next)}).Do)
		},
	} {
		for kind, give := range bodiesOf() {
			for _, fault := range []llmtest.Fault{llmtest.ProtocolErrorAfterWork, llmtest.ResetAfterAccept, llmtest.ServerErrorAfterWork, llmtest.ProtocolError} {
				for _, http2 := range []bool{false, true} {
					for _, before := range []int{0, 1} {
						t.Run(fmt.Sprint(name, " ", kind, " ", fault, " http2 ", http2, " after ", before), func(t *testing.T) {
							billedOnce(t, base, give, fault, http2, before)
						})
					}
				}
			}
		}
	}
}

// billedOnce makes as many calls as before, and one more that meets a fault.
func billedOnce(t *testing.T, base func(http.RoundTripper) http.RoundTripper, give func(*http.Request), fault llmtest.Fault, http2 bool, before int) {
	t.Helper()
	cfg := llmtest.Config{HTTP2: http2, Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
		if n < before {
			return llmtest.NoFault
		}
		return fault
	})}
	inWorld(t, cfg, policy.Policy{}, func(w *world) {
		stack := stackOver(w.T, base(w.provider.Transport()), policy.Policy{})
		for range before + 1 {
			req := w.request(w.Context(), "")
			give(req)
			if resp, err := stack.RoundTrip(req); err == nil {
				drain(resp)
			}
		}
		want := before + 1
		if fault == llmtest.ProtocolError {
			want--
		}
		w.wantBilled(want)
		rows := stack.Rows()
		if len(rows) != before+1 {
			w.Fatalf("%d rows", len(rows))
		}
		if r := rows[before]; r.Outcome != policy.Ambiguous || r.WireTries != 1 || r.Unpriced == "" || !r.Exposure.Known && r.Skipped == "" {
			w.Errorf("%s, %d wire tries, exposure %v, %s", r.Outcome, r.WireTries, r.Exposure, r.Unpriced)
		}
	})
}

// A POST without a body is sent once as well.
func TestDetachedPostWithoutABody(t *testing.T) {
	for _, empty := range []func(*http.Request){
		func(*http.Request) {},
		func(req *http.Request) { req.Body = http.NoBody },
		func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader("")) },
		func(req *http.Request) {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }
			req.Body, _ = req.GetBody()
		},
	} {
		for name, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{
			"detached": detached, "bare": func(rt http.RoundTripper) http.RoundTripper { return rt },
			"traced": func(rt http.RoundTripper) http.RoundTripper { return tracingBase{rt} },
		} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var processed atomic.Int32
			go http2Server(l, &processed, 0)
			base := unencryptedHTTP2()
			stack := stackOver(t, wrap(base), policy.Policy{})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String()+"/v1/chat/completions", nil)
			empty(req)
			_, err = stack.RoundTrip(req)
			rows := stack.Rows()
			if processed.Load() != 1 || err == nil || ctx.Err() != nil || len(rows) != 1 || rows[0].Outcome != policy.Ambiguous || rows[0].WireTries != 1 {
				t.Errorf("%s: processed %d times, %v: %+v", name, processed.Load(), err, rows)
			}
			cancel()
			base.CloseIdleConnections()
			l.Close()
		}
	}
}

// What the server says it did not process is not sent again, as nothing tells that from a repetition. With the body's reading
// noticed it is not billed twice either.
func TestDetachedBaseNotProcessed(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.RefusedStream, llmtest.GoAway} {
		for before := range 2 {
			cfg := llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(append(make([]llmtest.Fault, before), fault)...)}
			inWorld(t, cfg, policy.Policy{}, func(w *world) {
				stack := stackOver(w.T, detached(w.provider.Transport()), policy.Policy{})
				for range before {
					send(w.T, stack, w.provider.URL)
				}
				if _, err := send(w.T, stack, w.provider.URL); !errors.Is(err, middleware.ErrAmbiguous) || !errors.Is(err, transport.ErrReplay) {
					w.Errorf("%s: %v", fault, err)
				}
				w.wantBilled(before)
				if rows := stack.Rows(); len(rows) != before+1 || rows[before].WireTries != 1 || rows[before].Outcome != policy.Ambiguous {
					w.Errorf("%s: %+v", fault, rows)
				}
			})
		}
	}
}

// On a connection that is dead before anything is written, net/http opens the body again, beneath a detached base as well.
func TestDetachedBaseOverADeadConnection(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault)}, policy.Policy{}, func(w *world) {
		var dead atomic.Bool
		base := w.provider.Transport()
		dial, dials := base.DialContext, 0
		base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if dials++; dials == 1 {
				c = deadConn{c, &dead}
			}
			return c, err
		}
		stack := stackOver(w.T, detached(base), policy.Policy{})
		for range 2 {
			if _, err := send(w.T, stack, w.provider.URL); err != nil {
				w.Error(err)
			}
			dead.Store(true)
		}
		w.wantBilled(2)
	})
}

// A base may read the body early, to log or to sign it, and may open it for that.
func TestBaseReadsTheBodyFirst(t *testing.T) {
	log := func(body io.ReadCloser) []byte {
		all, _ := io.ReadAll(body)
		body.Close()
		return all
	}
	for name, test := range map[string]struct {
		read  func(*http.Request)
		sends int // that the rows have if nothing is reported
	}{
		"into memory": {func(req *http.Request) { req.Body = io.NopCloser(bytes.NewReader(log(req.Body))) }, 1},
		"by GetBody": {func(req *http.Request) {
			body, _ := req.GetBody()
			log(body)
		}, 2},
		"only by GetBody": {func(req *http.Request) {
			req.Body.Close()
			req.Body, _ = req.GetBody()
		}, 1},
	} {
		for _, silent := range []bool{false, true} {
			cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault, llmtest.RateLimited)}
			if silent && test.sends > 1 { // then it is not known what the rejection answers
				cfg.Faults = nil
			}
			inWorld(t, cfg, policy.Policy{}, func(w *world) {
				var next http.RoundTripper = w.provider.Transport()
				want := 1
				if silent {
					next, want = detached(next), test.sends
				}
				stack := stackOver(w.T, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
					again := req.Clone(req.Context())
					test.read(again)
					return next.RoundTrip(again)
				}), policy.Policy{})
				for range 2 {
					if status, err := send(w.T, stack, w.provider.URL); err != nil || status != 200 {
						w.Errorf("%s, silent %v: %v, %v", name, silent, status, err)
					}
				}
				w.wantBilled(2)
				for _, r := range stack.Rows() {
					if r.WireTries != want || r.Exposure.Known != (want > 1) {
						w.Errorf("%s, silent %v: %+v", name, silent, r)
					}
				}
			})
		}
	}
}

// A base that reports nothing, such as one of HTTP/3: what was sent is known by what was read.
func TestSilentBase(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "udp", Err: errors.New("no route to host")}
	read := func(req *http.Request) { io.Copy(io.Discard, req.Body) }
	connect := func(req *http.Request) { httptrace.ContextClientTrace(req.Context()).GetConn("api.openai.com:443") }
	for name, test := range map[string]struct {
		send func(*http.Request)
		err  error
		want policy.Outcome
	}{
		"dial":                       {func(*http.Request) {}, dial, policy.NotSent},
		"wrapped dial":               {func(*http.Request) {}, fmt.Errorf("h3: %w", dial), policy.NotSent},
		"timeout":                    {func(*http.Request) {}, errors.New("timeout: no recent network activity"), policy.Ambiguous},
		"read, then dial":            {read, dial, policy.Ambiguous},
		"read a byte, then dial":     {func(req *http.Request) { req.Body.Read(make([]byte, 1)) }, dial, policy.Ambiguous},
		"read, then timeout":         {read, errors.New("timeout: no recent network activity"), policy.Ambiguous},
		"written to, then dial":      {func(req *http.Request) { req.Body.(io.WriterTo).WriteTo(io.Discard) }, dial, policy.Ambiguous},
		"opened and read, dial":      {func(req *http.Request) { body, _ := req.GetBody(); io.Copy(io.Discard, body) }, dial, policy.Ambiguous},
		"opened, not read, dial":     {func(req *http.Request) { req.GetBody() }, dial, policy.NotSent},
		"closed, not read, dial":     {func(req *http.Request) { req.Body.Close() }, dial, policy.NotSent},
		"no such host":               {func(*http.Request) {}, &net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}, policy.NotSent},
		"read, then no such host":    {read, &net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}, policy.Ambiguous},
		"connected, then dial":       {connect, dial, policy.NotSent},
		"connected, read, then dial": {func(req *http.Request) { connect(req); read(req) }, dial, policy.Ambiguous}, // it reports a part only
		"not processed":              {read, errors.New("cannot retry err [stream error: stream ID 1; REFUSED_STREAM; received from peer] after Request.Body was written"), policy.Rejected},
	} {
		var kept *http.Request
		stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			kept = req
			test.send(req)
			return nil, test.err
		}), policy.Policy{MaxAttempts: 1})
		_, err := chat(t, t.Context(), stack, chatBody)
		r := stack.Rows()[0]
		if err == nil || r.Outcome != test.want || (r.Outcome == policy.Ambiguous) != r.Exposure.Known {
			t.Errorf("%s: %s, exposure %v, %v", name, r.Outcome, r.Exposure, err)
		}
		if n, err := kept.Body.Read(make([]byte, 1)); r.Outcome == policy.NotSent && (n > 0 || err == nil) {
			t.Errorf("%s: the body of what was not sent can be read: %d, %v", name, n, err)
		}
	}
}

// A base that fails over from a sender that does not report to one that does: what the first sent is not forgotten.
func TestFailoverOfASilentBase(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)}, policy.Policy{}, func(w *world) {
		down := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}}
		stack := stackOver(w.T, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := detached(w.provider.Transport()).RoundTrip(req)
			if err != nil {
				again := req.Clone(req.Context())
				if again.Body, err = req.GetBody(); err != nil {
					return nil, err
				}
				return down.RoundTrip(again)
			}
			return resp, nil
		}), policy.Policy{})
		if _, err := send(w.T, stack, w.provider.URL); !errors.Is(err, middleware.ErrAmbiguous) {
			w.Error(err)
		}
		w.wantBilled(1)
	})
}

// A redirect is not followed by what does not report it, because it could as well be a repetition.
func TestDetachedClientIsRedirected(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.RedirectSame, llmtest.RedirectAway} {
		for before := range 2 {
			cfg := llmtest.Config{Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
				if n == before {
					return fault
				}
				return llmtest.NoFault
			})}
			inWorld(t, cfg, policy.Policy{}, func(w *world) {
				base := transport.RoundTripperFunc((&http.Client{Transport: detached(w.provider.Transport())}).Do)
				stack := stackOver(w.T, base, policy.Policy{})
				for range before + 1 {
					send(w.T, stack, w.provider.URL)
				}
				w.wantBilled(before)
				r := stack.Rows()[before]
				if r.Outcome != policy.Ambiguous || r.WireTries != 1 {
					w.Errorf("%s: %+v", fault, r)
				}
				if n := len(w.provider.Requests()); n != before+1 {
					w.Errorf("%s: %d requests", fault, n)
				}
			})
		}
	}
}

// A base keeps the body, and sends it again after the connection failed, but reports that. A rejection of the second request
// says nothing about the first one: the chain does not send it a third time, and the row exposes what both can cost.
func TestBaseThatKeepsTheBody(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.RateLimited)}, policy.Policy{}, func(w *world) {
		next := w.provider.Transport()
		stack := stackOver(w.T, transport.RoundTripperFunc(func(req *http.Request) (resp *http.Response, err error) {
			body, _ := io.ReadAll(req.Body)
			for range 2 {
				again := req.Clone(req.Context())
				again.Body, again.GetBody = io.NopCloser(bytes.NewReader(body)), nil
				if resp, err = next.RoundTrip(again); err == nil {
					return resp, nil
				}
			}
			return nil, err
		}), policy.Policy{})
		if status, err := send(w.T, stack, w.provider.URL); status != 429 || err != nil {
			w.Errorf("%d, %v", status, err)
		}
		w.wantBilled(1)
		if r := stack.Rows()[0]; len(stack.Rows()) != 1 || r.Outcome != policy.Ambiguous || r.WireTries != 2 || !r.Exposure.Known {
			w.Errorf("%+v", stack.Rows())
		}
	})
}

// A base that sends a body of GetBody's first, and the request's own after that failed, is billed once. If nothing reports
// the first, that looks the same as a mere look at the body, but the row of what got no answer counts both.
func TestOwnBodyAfterAnother(t *testing.T) {
	var one price.Pico // what a send can cost
	for _, silent := range []bool{false, true} {
		for _, http2 := range []bool{false, true} {
			cfg := llmtest.Config{HTTP2: http2, Faults: llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ResetAfterAccept)}
			inWorld(t, cfg, policy.Policy{}, func(w *world) {
				next := w.provider.Transport()
				first := http.RoundTripper(next)
				sends := 1
				if silent {
					first, sends = detached(next), 2
				}
				stack := stackOver(w.T, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
					other := req.Clone(req.Context())
					other.Body, _ = req.GetBody()
					if resp, err := first.RoundTrip(other); err == nil {
						return resp, nil
					}
					return next.RoundTrip(req)
				}), policy.Policy{})
				if _, err := send(w.T, stack, w.provider.URL); err == nil {
					w.Error("no error")
				}
				w.wantBilled(sends)
				rows := stack.Rows()
				if one == 0 {
					one = rows[0].Exposure.Pico
				}
				if len(rows) != 1 || rows[0].Outcome != policy.Ambiguous || rows[0].WireTries < sends || one == 0 || rows[0].Exposure != ledger.Known(one*price.Pico(sends)) {
					w.Errorf("silent %v, HTTP/2 %v: %+v", silent, http2, rows)
				}
			})
		}
	}
}
