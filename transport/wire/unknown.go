package wire

import (
	"net/http"
	"net/url"
)

// An unknownOperation is the dialect of calls to a known provider that none of its dialects understands. It reads the
// provider's errors, and nothing else.
type unknownOperation struct{ Dialect }

// unknownShapes are the shapes of such calls at one provider.
type unknownShapes struct{ observed, submission *Shape }

// newUnknownShapes returns the shapes of a provider.
func newUnknownShapes(provider string) unknownShapes {
	return unknownShapes{
		observed:   &Shape{Provider: provider, Operation: Unknown, Metering: meteringOf[provider], Unpriced: "the cost of this operation is not known"},
		submission: &Shape{Provider: provider, Operation: Unknown, Metering: meteringOf[provider], Unpriced: "the work that it submits is charged for when it is done"},
	}
}

var unknownShapesOf = func() map[string]unknownShapes {
	all := map[string]unknownShapes{}
	for _, p := range providers {
		all[p.name] = newUnknownShapes(p.name)
	}
	return all
}()

// unknownCall returns a POST to a provider that none of its dialects understands; false if it is known to be free.
func unknownCall(p *provider, method string, u *url.URL) (Dialect, Call, bool) {
	return unknownOf(unknownShapesOf[p.name], p.dialects[0], method, u, p.isFree(u.Path))
}

// unknownOf returns a POST that none of a provider's dialects understands; false if it is known to be free. d is one of them.
func unknownOf(shapes unknownShapes, d Dialect, method string, u *url.URL, free bool) (Dialect, Call, bool) {
	if method != http.MethodPost || free {
		return nil, Call{}, false
	}
	c := newCall(shapes.observed)
	c.Kind = Observed
	if submits(u.Path) {
		c = newCall(shapes.submission)
		c.Kind = Submission
	}
	return unknownOperation{d}, c, true
}

// Recognise takes nothing: a [Router] decides.
func (unknownOperation) Recognise(string, *url.URL) (Call, bool) { return Call{}, false }

// Problem has the shape of the provider's other errors.
func (d unknownOperation) Problem(c *Call, p Problem) []byte {
	if w, ok := d.Dialect.(ProblemWriter); ok {
		return w.Problem(c, p)
	}
	return OpenAIProblem(p)
}
