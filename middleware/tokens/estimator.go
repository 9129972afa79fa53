package tokens

import (
	"io"

	"github.com/skinflint-go/skinflint/policy"
)

// An Estimator estimates the input of requests. Its method is called concurrently.
type Estimator interface {
	// Counter returns a counter for the body of one request. It must not be nil.
	Counter() Counter
}

// A Counter counts the input of one request. It is used by one goroutine at a time.
type Counter interface {
	// Write reads the next piece of the body, as it is sent. Pieces may have any size, and the body may be anything: JSON, a
	// form, compressed bytes. Write must not keep the piece, and returns its length and no error.
	io.Writer

	// Estimate returns the estimate when the whole body has been written. What the subject does not know is empty.
	Estimate(*policy.Subject) Estimate

	// Release ends the use of the counter, which the estimator may then give to another request.
	Release()
}

// An Estimate is the input of a request, in tokens. The zero Estimate is of a request without input.
type Estimate struct {
	// Text counts text: prompts, descriptions of tools, and what the provider adds to each message.
	Text int64
	// Media counts images, audio, video and documents, by rules of the provider and not by their bytes.
	Media int64
	// Held counts what is not in the body: the content of a context cache that the request names. Counters do not know it and
	// leave it 0; the caller sets it.
	Held int64
}

// Input returns the whole input.
func (e Estimate) Input() int64 { return e.Text + e.Media + e.Held }
