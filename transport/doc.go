// Package transport is about how the bytes of HTTP calls move: it composes [net/http.RoundTripper]s, edits JSON request
// bodies in place, reads answers while their caller reads them, and reports what happened on the wire. It knows no
// provider and no money.
//
// A program's chain is a list of [Middleware], the first of which is outermost:
//
//	rt := transport.Chain(transport.Base(), logging, retrying)
//	// a request goes: logging -> retrying -> Base -> network
//	client := &http.Client{Transport: rt}
//
// [Base] is an [http.Transport] with settings fit for answers that take minutes. [Link] makes a Middleware of one func. The
// package also has the parts of a Middleware that sends a call several times, and has to know what happened to each attempt:
//
//		var body transport.Body // one for each call
//		err := body.Load(req, transport.MustPaths("model", "service_tier"))
//		model := body.Fields().Text(atModel)
//
//		attempt := req.WithContext(transport.WithTrace(req.Context(), &trace))
//		err = body.Attach(attempt, false, transport.Edit{Path: "service_tier", Value: `"flex"`})
//		resp, err := next.RoundTrip(attempt)
//		watcher.Watch(ctx, resp, observer, transport.WatchOptions{})
//
//	  - [Body] reads a request's body once, and gives each attempt a fresh copy, edited or not. It finds the members that an
//	    edit needs. Other writers can see the same bytes during that one read.
//	  - [Trace] reports whether a request was written, and how often.
//	  - [Watcher] wraps a response's body, so that an [Observer] sees each byte that the caller reads, and its end once.
//	  - [Documents] is most of such an Observer: it reads the body as JSON documents, whether it is one, an array of them, or
//	    a stream of server-sent events, and finds members in each.
//	  - [Find] finds members in a whole document.
//
// Members of JSON documents are named by [Paths], and read from [Fields]. Everything that is read while it arrives takes
// bounded memory, however long it is, and wherever it is split.
package transport
