package transporttest

import (
	"context"
	"net/http"
	"time"
)

// A scenario is one of the ways in which a call can go.
type scenario struct {
	name string

	// arrange prepares the base and the body, and returns the call's context.
	arrange func(ctx context.Context, f *fake, u *upload) context.Context
}

// scenarios returns all scenarios.
func scenarios() []scenario {
	statuses := func(statuses ...int) func(context.Context, *fake, *upload) context.Context {
		return func(ctx context.Context, f *fake, _ *upload) context.Context {
			f.respond = func(n int, req *http.Request, _ []byte) (*http.Response, error) {
				if status := statuses[min(n, len(statuses)-1)]; status != 0 {
					return f.status(req, status), nil
				}
				return nil, errNetwork
			}
			return ctx
		}
	}
	inAMinute := func(f *fake) {
		f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
			header, text := responseOf(http.StatusTooManyRequests)
			header.Set("Retry-After", "60")
			return f.text(req, http.StatusTooManyRequests, header, text), nil
		}
	}
	return []scenario{
		{"200", statuses(200)},
		{"429, then 200", statuses(429, 200)},
		{"429 for ever", statuses(429)},
		{"500 for ever", statuses(500)},
		{"the connection fails", statuses(0)},
		{"the connection fails, then 200", statuses(0, 200)},
		{"the context is done before", func(ctx context.Context, _ *fake, _ *upload) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx
		}},
		{"cancelled while the base waits", func(ctx context.Context, f *fake, _ *upload) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
				time.AfterFunc(time.Second, cancel)
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			return ctx
		}},
		{"cancelled as a 429 arrives", func(ctx context.Context, f *fake, _ *upload) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
				cancel()
				return f.status(req, http.StatusTooManyRequests), nil
			}
			return ctx
		}},
		{"cancelled a while after a 429", func(ctx context.Context, f *fake, _ *upload) context.Context {
			inAMinute(f)
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(5*time.Second, cancel)
			return ctx
		}},
		{"a deadline sooner than Retry-After", func(ctx context.Context, f *fake, _ *upload) context.Context {
			inAMinute(f)
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			context.AfterFunc(ctx, cancel)
			return ctx
		}},
		{"the body cannot be read", func(ctx context.Context, _ *fake, u *upload) context.Context {
			u.breaks = true
			return ctx
		}},
		{"GetBody fails at once", func(ctx context.Context, f *fake, u *upload) context.Context {
			u.failFrom = 1
			return statuses(429, 200)(ctx, f, u)
		}},
		{"GetBody fails the second time", func(ctx context.Context, f *fake, u *upload) context.Context {
			u.failFrom = 2
			return statuses(429, 429, 200)(ctx, f, u)
		}},
	}
}

// eachScenario calls do with a request for each scenario, with and without GetBody.
func (c *check) eachScenario(do func(name string, rt http.RoundTripper, req *http.Request, u *upload)) {
	for _, s := range scenarios() {
		for _, withGetBody := range []bool{true, false} {
			f, u := c.fake(200), &upload{data: []byte(chatBody)}
			ctx := s.arrange(c.ctx, f, u)
			req := c.chat(chatBody).WithContext(ctx)
			u.attach(req, withGetBody)
			name := s.name
			if !withGetBody {
				name += ", without GetBody"
			}
			do(name, c.wrap(f), req, u)
		}
	}
}
