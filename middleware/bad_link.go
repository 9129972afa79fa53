package middleware

// badLink is a link that was given something invalid. It refuses every call.
type badLink struct {
	noLink
	err error
}

func (l badLink) begin(c *call) error { return c.refuse(badPolicy(l.err)) }
