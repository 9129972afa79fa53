package llmtest

// generates reports whether the request is one that a Reply answers.
func (x *exchange) generates() bool {
	switch x.params.operation {
	case "chat", "responses", "messages", "generateContent":
		return true
	}
	return false
}

// ask asks the user's Reply for the response. It returns the error for a malformed one.
func (x *exchange) ask() *flaw {
	if x.cfg.Reply == nil || !x.generates() {
		return nil
	}
	s, err := x.askReply(Turn{x.requests.get(x.n), toolResults(x.params.content)}).check()
	if err != nil {
		return &flaw{message: "llmtest: malformed Reply: " + err.Error()}
	}
	for i := range s.calls {
		if s.calls[i].ID == "" && x.params.operation != "generateContent" {
			s.calls[i].ID = x.id(x.callPrefix(), x.n<<16+i)
		}
	}
	x.script = s
	return nil
}

// askReply calls Reply, for one request at a time.
func (p *provider) askReply(t Turn) Reply {
	p.replying.Lock()
	defer p.replying.Unlock()
	return p.cfg.Reply(t)
}

// callPrefix is how the provider's ids of tool calls begin.
func (x *exchange) callPrefix() string {
	switch {
	case x.params.operation == "messages":
		return "toolu_"
	case x.params.provider == "gemini":
		return "function-call-"
	}
	return "call_"
}
