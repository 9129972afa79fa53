package wire

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// How much of a response outside of 2xx is read to learn what it means, and for how long.
const (
	peekSize = 64 << 10
	peekTime = time.Second
)

// ReadRejection reads the beginning of a response outside of 2xx, at most 64 KB and for at most a second, and returns what
// it means by the dialect of its call. asked is the tier that the attempt asked for, and edits are those of the attempt. The
// response's body is still whole for the caller.
//
// A response that names one of the edits is taken to reject it, whatever its status and shape, unless the dialect knows a
// better reason. If its outcome is ambiguous it stays so.
//
// What a dialect takes for free is ambiguous if the response did not arrive completely: what is missing could say that it
// is of another kind.
func ReadRejection(d Dialect, c *Call, resp *http.Response, asked policy.Tier, edits *Edits) Rejection {
	body, err := peek(resp, peekSize, peekTime)
	body = unpacked(resp.Header, body)
	r := d.Rejection(c, &Response{Status: resp.StatusCode, Header: resp.Header, Body: body, Asked: asked, At: time.Now()})
	r.Reason = editRejected(c, resp.StatusCode, body, r.Reason, asked, edits)
	switch {
	case r.Outcome == "", resp.StatusCode < 200, resp.StatusCode > 599: // it is no status of an answer, so it means nothing
		r.Outcome, r.Evidence = policy.Ambiguous, ""
	case r.Outcome == policy.Rejected && !errors.Is(err, io.EOF) && !isDocument(body):
		r.Outcome, r.Evidence = policy.Ambiguous, ""
	}
	return r
}

// editRejected returns the reason of a rejection that names an edit, or the reason that it has already.
func editRejected(c *Call, status int, body []byte, reason policy.Reason, asked policy.Tier, edits *Edits) policy.Reason {
	askedTier := asked != "" && asked != c.Tier
	switch {
	case status < 400 || !askedTier && !edits.HideUsage && !edits.PromptCache:
		return reason
	case reason != "" && reason != policy.BadRequest && reason != policy.ServerError:
		return reason
	}
	text := squeezed(body)
	switch {
	case edits.HideUsage && namesUsage(text):
		return policy.UsageRejected
	case edits.PromptCache && namesPromptCache(text):
		return policy.WriteRejected
	case askedTier && namesTier(text, status, asked):
		return policy.TierRejected
	}
	return reason
}

// namesTier reports whether a squeezed text names the member or the header with the tier, or says that there is no such tier:
// "Flex is not available for this model."
func namesTier(text string, status int, asked policy.Tier) bool {
	if contains(text, tierMembers) {
		return true
	}
	return status < 500 && asked != policy.Standard && strings.Contains(text, squeezed([]byte(asked))) && contains(text, notThere)
}

var (
	tierMembers = []string{"servicetier", squeezed([]byte(tierHeader))}
	notThere    = []string{"notavailable", "notsupported", "unsupported", "notenabled", "notallowed"}
)

// isDocument reports whether body is a whole JSON document.
func isDocument(body []byte) bool {
	_, err := transport.Find(body, nil)
	return err == nil
}
