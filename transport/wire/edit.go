package wire

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Want says how an attempt is to be sent. The zero Want names no tier and asks for nothing.
type Want struct {
	// Tier is the tier to ask for; with "", the request names none.
	Tier policy.Tier
	// Usage says to ask for a stream's usage, if the shape has AskUsage.
	Usage bool
	// Cache is the context cache to use; "" is the one that the request names, if any.
	Cache string
	// Held is the context that Cache holds, which is to be taken out of the request. With the zero Held, all of the request is
	// sent.
	Held Held
	// Left is how long the attempt has; zero if nothing ends it. Google's servers are given it as their time limit.
	Left time.Duration
}

// Edits are changes to a request. The zero Edits changes nothing.
type Edits struct {
	// Body are changes to members of the body.
	Body []transport.Edit
	// Header are changes to headers.
	Header []HeaderEdit
	// HideUsage says that the answer will hold an event that the caller did not ask for. [Answer.Hide] marks it.
	HideUsage bool
	// Taken says that the edits take out what [Want.Held] describes. If it was asked for and Taken is false, the edits must
	// not be made: the provider would reject the context beside the cache, or charge for it twice. So a Dialect that does
	// not know of Held does no harm.
	Taken bool
	// Problem says why the request cannot be sent as wanted; "" if it can.
	Problem string
}

// A HeaderEdit sets a header. An empty Value removes it.
type HeaderEdit struct{ Key, Value string }
