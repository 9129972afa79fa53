package transporttest

// An item is one rule of the contract.
type item struct {
	name string
	over []string // what it runs over, each in a bubble of its own
	test func(c *check)
}

// What an item runs over.
const (
	overFake = "fake" // a RoundTripper that stands for the network
	overH1   = "h1"
	overH2   = "h2"
)

var (
	fakeOnly = []string{overFake}
	wires    = []string{overH1, overH2}
	both     = []string{overFake, overH1, overH2}
)
