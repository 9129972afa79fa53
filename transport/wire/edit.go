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
	// PromptCache is what to write to a prompt cache whose writes cost money. A shape without Writes cannot be asked for it.
	PromptCache PromptCache
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
	// PromptCache says that the request asks for writes to a prompt cache, for none, or for a key of it, although its caller
	// does not. A provider may reject that: see [ReadRejection].
	PromptCache bool
	// WriteTTL is the longest time to live of the writes asked for; zero if it is the provider's shortest, or if there are
	// none. [Answer.WriteTTL] gets it.
	WriteTTL time.Duration
	// LeftOut says what was wanted of the prompt cache and is not asked for, and why; "" if there is no such thing.
	LeftOut string
	// Problem says why the request cannot be sent as wanted; "" if it can.
	Problem string
}

// A HeaderEdit sets a header. An empty Value removes it.
type HeaderEdit struct{ Key, Value string }
