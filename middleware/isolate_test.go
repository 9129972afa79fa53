package middleware_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// A base may write to the request that it gets. That changes neither the program's request nor the next attempt.
func TestBaseWritesToItsRequest(t *testing.T) {
	for name, body := range map[string]string{"no edit": chatBody, "edited": streamBody} {
		for _, header := range []http.Header{{"Authorization": {"Bearer sk"}}, {"Idempotency-Key": {"k"}, "Authorization": {"Bearer sk"}}, nil} {
			synctest.Test(t, func(t *testing.T) {
				var seen []string
				stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
					io.Copy(io.Discard, req.Body)
					seen = append(seen, fmt.Sprint(req.URL, " ", req.Method, " ", req.Host, " ", req.Header))
					req.URL.Host, req.URL.Path, req.URL.RawQuery, req.URL.Scheme = "evil.invalid", "/x", "y=z", "http"
					req.Method, req.Host, req.Body, req.GetBody, req.ContentLength = "PUT", "evil.invalid", nil, nil, 7
					if req.Header != nil {
						req.Header.Set("Authorization", "Bearer other")
						req.Header.Add("Authorization", "Bearer more")
						req.Header.Del("Accept")
						req.Header["X-Added"] = []string{"x"}
					}
					return says(429, jsonType, `{"error":{"code":"rate_limit_exceeded"}}`)(req)
				}), policy.Policy{MaxAttempts: 3})
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, openaiURL+"?a=b", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header = header.Clone()
				u, h, getBody := *req.URL, req.Header.Clone(), reflect.ValueOf(req.GetBody).Pointer()
				resp, err := stack.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				drain(resp)
				if *req.URL != u || !reflect.DeepEqual(req.Header, h) || req.Method != http.MethodPost || req.ContentLength != int64(len(body)) ||
					reflect.ValueOf(req.GetBody).Pointer() != getBody {
					t.Errorf("%s: the program's request is %v %v", name, req.URL, req.Header)
				}
				if len(seen) != 3 || seen[0] != seen[1] || seen[0] != seen[2] || !strings.Contains(seen[0], "api.openai.com") {
					t.Errorf("%s: attempts %q", name, seen)
				}
			})
		}
	}
}

// An answer with a status that HTTP does not have says nothing about the bill.
func TestBrokenAnswer(t *testing.T) {
	for _, status := range []int{-1, 0, 1, 99, 100, 102, 103, 199, 600, 999, 1000} {
		for _, body := range []string{"", `{"error":{"code":"rate_limit_exceeded","message":"x"}}`} {
			for _, header := range []http.Header{nil, {}} {
				sent := 0
				stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
					io.Copy(io.Discard, req.Body)
					sent++
					return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader([]byte(body)))}, nil
				}), policy.Policy{})
				resp, err := stack.RoundTrip(newChat(t))
				if err != nil || resp.StatusCode != status || resp.Header.Get("X-Should-Retry") != "false" {
					t.Fatalf("%d: %v, %v", status, resp, err)
				}
				drain(resp)
				r := stack.Rows()[0]
				if sent != 1 || len(stack.Rows()) != 1 || r.Outcome != policy.Ambiguous || r.Cost.Known || !r.Exposure.Known || r.Status != status || r.ErrorCode != "invalid_status" {
					t.Errorf("%d: sent %d times, %+v", status, sent, r)
				}
			}
		}
	}
}

// A response without a header, or a body, is one with none of either.
func TestAnswerWithoutParts(t *testing.T) {
	for _, status := range []int{101, 200, 204, 302, 307, 400, 429, 500, 503} {
		for _, body := range []string{chatBody, streamBody} {
			stack := stackOver(t, transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status}, nil
			}), policy.Policy{MaxAttempts: 1})
			req := newChat(t)
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			req.GetBody = nil
			resp, err := stack.RoundTrip(req)
			if err != nil || resp.Header == nil || resp.Body == nil {
				t.Fatalf("%d: %+v, %v", status, resp, err)
			}
			drain(resp)
			if n := len(stack.Rows()); n != 1 {
				t.Errorf("%d: %d rows", status, n)
			}
		}
	}
	stack := stackOver(t, transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, nil }), policy.Policy{})
	var u *url.Error
	if _, err := stack.Client().Do(newChat(t)); !errors.As(err, &u) || !errors.Is(err, middleware.ErrAmbiguous) {
		t.Error(err)
	}
}

// newChat returns a chat's request.
func newChat(t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, openaiURL, strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	return req
}
