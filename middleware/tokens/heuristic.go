package tokens

import (
	"sync"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Heuristic is an [Estimator] that needs no vocabulary. It sorts the characters of a prompt into classes, such as letters,
// digits, punctuation and scripts, and knows what a run of each costs on average in OpenAI's o200k_base. For most texts it is
// within 20 % of that. Vocabularies of other models differ, which a [Learner] corrects.
//
// Of a JSON body it counts the strings, but for settings and identifiers; descriptions of tools, schemas and arguments as they
// are; and media by rules for each provider. Of any other body it knows only the size.
//
// The zero Heuristic is ready for use.
type Heuristic struct{}

var counters = sync.Pool{New: func() any { return new(counter) }}

// Counter returns a counter that is used again after its Release.
func (Heuristic) Counter() Counter {
	c := counters.Get().(*counter)
	c.reset()
	return c
}

// Release implements [Counter].
func (c *counter) Release() { counters.Put(c) }

// Estimate implements [Counter].
func (c *counter) Estimate(s *policy.Subject) Estimate {
	r := rulesFor(s)
	if c.phase == phaseOpaque {
		return c.opaque(r, s)
	}
	messages := c.messages
	if messages == 0 && s.Operation == wire.Responses { // its input may be a mere string
		messages = 1
	}
	e := Estimate{
		Text:  c.prose.tokens() + c.defined.tokens()*r.defined/100 + c.ids + c.media[plainText].bytes/textRate,
		Media: r.media(&c.media),
	}
	if messages > 0 {
		e.Text += r.request + r.message*messages
	}
	if c.tools {
		e.Text += r.tools
	}
	return e
}

// opaque estimates a body that is no JSON. A form has a file: an image for operations on images, else audio. Anything else is
// taken for compressed JSON, in which there are about four bytes of text for one, and so a token.
func (c *counter) opaque(r *rules, s *policy.Subject) Estimate {
	var m media
	switch {
	case !c.form:
		return Estimate{Text: c.size}
	case s.Operation == wire.Images:
		m.add(image, c.size)
	default:
		m.add(audio, c.size)
	}
	return Estimate{Media: r.media(&m)}
}
