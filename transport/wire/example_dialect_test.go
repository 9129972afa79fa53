package wire_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A request to Acme's API, which is like no other:
//
//	POST https://api.acme.example/talk
//	{"engine": "roadrunner", "queue": "slow", "length": 200, "say": "Beep?"}
//
// An answer, and an error:
//
//	{"engine": "roadrunner-2", "queue": "slow", "tokens": {"in": 12, "out": 3}}
//	{"fault": "queue_full"}
type acmeDialect struct{}

// The members that the dialect reads, by number: finding one costs a few instructions.
var (
	acmeEngine = transport.PathOf("engine")
	acmeQueue  = transport.PathOf("queue")
	acmeLength = transport.PathOf("length")
	acmeIn     = transport.PathOf("tokens.in")
	acmeOut    = transport.PathOf("tokens.out")
)

// acmeTalk is what all calls have in common. It has no Marks, so every event of a stream is read.
var acmeTalk = &wire.Shape{
	Provider: "acme", Operation: wire.Chat,
	Tiers:        []policy.Tier{policy.Flex, policy.Standard},
	RequestPaths: transport.MustPaths("engine", "queue", "length"),
	AnswerPaths:  transport.MustPaths("engine", "queue", "tokens.in", "tokens.out"),
}

func (acmeDialect) Recognise(method string, u *url.URL) (wire.Call, bool) {
	if method != http.MethodPost || u.Hostname() != "api.acme.example" || u.Path != "/talk" {
		return wire.Call{}, false
	}
	return wire.Call{Shape: acmeTalk, Choices: 1, Tools: wire.NoTools}, true
}

func (acmeDialect) Request(c *wire.Call, _ http.Header, body *transport.Fields) {
	c.Model = body.Text(acmeEngine)
	c.Tier = acmeTier(body.Text(acmeQueue))
	c.MaxOutput, _ = acmeCount(body, acmeLength) // 0 if there is none: not known
}

func (acmeDialect) Edit(c *wire.Call, _ *transport.Fields, w wire.Want, e *wire.Edits) {
	if w.Tier == c.Tier {
		return
	}
	edit := transport.Edit{Path: "queue", Remove: true}
	if w.Tier == policy.Flex {
		edit = transport.Edit{Path: "queue", Value: `"slow"`}
	}
	e.Body = append(e.Body, edit)
}

func (acmeDialect) Headers(_ *wire.Call, h http.Header, a *wire.Answer) {
	a.RequestID = h.Get("Acme-Request")
}

func (acmeDialect) Answer(_ *wire.Call, doc *transport.Fields, a *wire.Answer) {
	a.Model = doc.Text(acmeEngine)
	a.Tier = acmeTier(doc.Text(acmeQueue))
	if !doc.Has(acmeIn) && !doc.Has(acmeOut) {
		return
	}
	a.HasUsage = true
	var hasIn, hasOut bool
	a.Usage.Input, hasIn = acmeCount(doc, acmeIn)
	a.Usage.Output, hasOut = acmeCount(doc, acmeOut)
	if !hasIn || !hasOut {
		a.Problem = "tokens.in or tokens.out is no count"
	}
}

func (acmeDialect) Rejection(_ *wire.Call, r *wire.Response) wire.Rejection {
	if r.Status == http.StatusServiceUnavailable && strings.Contains(string(r.Body), `"queue_full"`) {
		// "A request that found the queue full costs nothing": Acme's page on errors.
		return wire.Rejection{
			Outcome: policy.Rejected, Evidence: policy.Documented, Reason: policy.Capacity, Code: "queue_full",
			RetryAfter: wire.RetryAfter(r.Header, r.At),
		}
	}
	return wire.Rejection{} // not known: it may have been billed, and is not sent again
}

func acmeTier(queue string) policy.Tier {
	if queue == "slow" {
		return policy.Flex
	}
	return policy.Standard
}

func acmeCount(doc *transport.Fields, path transport.Path) (int64, bool) {
	raw, _ := doc.Get(path)
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	return n, true
}

// A dialect for an API that is not compatible with OpenAI's, used by a Router.
func ExampleDialect() {
	router, err := wire.NewRouter(wire.RouterConfig{Dialects: []wire.Dialect{acmeDialect{}}})
	if err != nil {
		fmt.Println(err)
		return
	}

	// What does a request ask for?
	req, _ := http.NewRequest(http.MethodPost, "https://api.acme.example/talk",
		strings.NewReader(`{"engine": "roadrunner", "length": 200, "say": "Beep?"}`))
	dialect, call, ok := router.Recognise(req.Method, req.URL)
	if !ok {
		fmt.Println("no call")
		return
	}
	var body transport.Body
	if err := body.Load(req, call.RequestPaths); err != nil {
		fmt.Println(err)
		return
	}
	dialect.Request(&call, req.Header, body.Fields())
	fmt.Println("call:", call.Provider, call.Operation, call.Model, call.Tier, call.MaxOutput)

	// What has to change for the cheaper tier?
	var edits wire.Edits
	dialect.Edit(&call, body.Fields(), wire.Want{Tier: policy.Flex}, &edits)
	for _, e := range edits.Body {
		fmt.Println("edit:", e.Path, e.Value)
	}

	// What did the answer use, and which tier served?
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}}
	var reader wire.Reader
	reader.Begin(dialect, &call, resp)
	reader.Observe([]byte(`{"engine": "roadrunner-2", "queue": "slow", "tokens": {"in": 12, "out": 3}}`))
	complete := reader.End(transport.EndEOF)
	a := &reader.Answer
	fmt.Println("answer:", complete, a.Model, a.Tier, "input", a.Usage.Input, "output", a.Usage.Output)

	// Why was it rejected, and was that free?
	r := dialect.Rejection(&call, &wire.Response{
		Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"7"}}, At: time.Now(), Asked: policy.Flex,
		Body: []byte(`{"fault": "queue_full"}`),
	})
	fmt.Println("rejection:", r.Outcome, r.Evidence, r.Reason, r.Code, r.RetryAfter)
	// Output:
	// call: acme chat roadrunner standard 200
	// edit: queue "slow"
	// answer: true roadrunner-2 flex input 12 output 3
	// rejection: rejected documented capacity queue_full 7s
}
