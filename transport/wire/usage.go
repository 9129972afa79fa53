package wire

import (
	"bytes"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// A usage is what one usage of OpenAI's shape says, by the table of names.
type usage struct {
	n       [lastNumber + 1]int64
	there   uint32                  // bit c: it has a count c
	others  [OutputTokens + 1]int64 // of the prompt or the output, the smaller of two counts
	facts   [usageCounts][]byte     // what is no count, raw
	unknown string                  // a count of tokens that is not in the table
	problem string                  // why a count cannot be trusted: the first of several
}

func (u *usage) has(c Count) bool { return u.there&(1<<c) != 0 }

func (u *usage) wrong(problem string) {
	if u.problem == "" {
		u.problem = problem
	}
}

// read reads a raw usage. Of names of one count that say different things the largest counts, and that they differ is a
// problem. A zero says nothing: some hosts write it for what they do not know.
func (u *usage) read(raw []byte, t *usageTable) {
	t.read(u, raw)
	// Hosts that repeat Anthropic's usage beside OpenAI's count the prompt twice: with what a cache has done, and without.
	if other := u.others[PromptTokens]; other > 0 && u.n[PromptTokens]-other != u.n[CachedTokens]+u.n[WrittenTokens] {
		u.wrong("usage has two counts of the prompt that do not agree")
	}
	if other := u.others[OutputTokens]; other > 0 && u.n[OutputTokens]-other != u.n[ReasoningTokens] {
		u.wrong("usage has two counts of the output that do not agree")
	}
}

// walk takes each member of a raw usage, by its name.
func (u *usage) walk(raw []byte, names map[string]Count) {
	members := transport.MembersOf(raw)
	for path, value, ok := members.Next(); ok; path, value, ok = members.Next() {
		u.take(names[string(path)], path, value)
	}
}

// take takes a member that is a count c; zero is a name that is not in the table.
func (u *usage) take(c Count, path, value []byte) {
	switch {
	case c == 0:
		u.note(path, value)
	case c > lastNumber:
		if u.facts[c] = value; c == audioSeconds && positive(value) {
			u.there |= 1 << c
		}
	case c != PartTokens && string(value) != "null":
		u.count(c, path, value)
	}
}

// positive reports whether a raw value is a number above zero; it may have a fraction.
func positive(value []byte) bool {
	return value[0] >= '1' && value[0] <= '9' || value[0] == '0' && len(value) > 1
}

// count takes a count.
func (u *usage) count(c Count, path, value []byte) {
	n, ok := count(value)
	if !ok {
		u.wrong("usage." + printable(string(path)) + " is no count")
		return
	}
	if before := u.n[c]; before > 0 && n > 0 && n != before {
		if int(c) < len(u.others) {
			u.others[c] = min(n, before)
		} else {
			u.wrong("usage." + printable(string(path)) + " does not agree with another count of the same")
		}
	}
	u.n[c] = max(u.n[c], n)
	u.there |= 1 << c
}

// note notes a count of tokens that is not in the table: the cost of the known ones is then not all. A provider that begins
// to count something is likely to charge for it:
//
//	"usage": {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"dream_tokens": 40}}
func (u *usage) note(path, value []byte) {
	if u.unknown != "" || value[0] < '1' || value[0] > '9' {
		return
	}
	if name := path[bytes.LastIndexByte(path, '.')+1:]; unknownCount(name) {
		u.unknown = printable(string(name))
	}
}

// A usageState is what the usages of an answer have said so far.
type usageState struct {
	n     [lastNumber + 1]int64
	there uint32
}

func (s *usageState) has(c Count) bool { return s.there&(1<<c) != 0 }

// add adds a later usage: its counts replace those that came before, unless they are zero. A total only holds for counts that
// came with it.
func (s *usageState) add(u *usage) {
	total, stated := u.n[TotalTokens], u.n[TotalTokens] > 0
	for _, c := range [...]Count{PromptTokens, OutputTokens} {
		if s.n[c] > 0 && u.n[c] == 0 {
			stated = false
		}
	}
	for c, n := range u.n {
		if n > 0 {
			s.n[c] = n
		}
	}
	s.there |= u.there
	if s.n[TotalTokens] = total; !stated {
		s.n[TotalTokens] = 0
		s.there &^= 1 << TotalTokens
	}
}

// readUsage reads the usage at one of the paths of a document, the first that is there, and reports whether it counts
// anything.
func readUsage(c *Call, doc *transport.Fields, a *Answer, paths ...transport.Path) (found bool) {
	for _, path := range paths {
		raw, there := doc.Look(path)
		switch {
		case raw == nil && there:
			a.HasUsage, a.Problem = true, path.String()+" is too long"
			return true
		case len(raw) > 0 && raw[0] == '{' && addUsage(c, raw, a):
			return true
		}
	}
	return false
}

// addUsage adds a raw usage to the answer.
func addUsage(c *Call, raw []byte, a *Answer) (found bool) {
	var u usage
	u.read(raw, c.usages)
	u.reports(c, a)
	if u.there&(1<<PromptTokens|1<<OutputTokens|1<<TotalTokens) == 0 && u.problem == "" {
		return false
	}
	counted := a.counted
	if counted == nil {
		counted = new(usageState) // on the stack, unless it is kept for later usages
		if c.Stream || a.several {
			a.counted = &usageState{}
			counted = a.counted
		}
	}
	counted.add(&u)
	counted.settle(c, &u, a)
	a.images = counted.has(ImageOutTokens)
	if u.unknown != "" {
		a.Extras = "it also counts " + u.unknown + ", whose price is not known"
	}
	a.HasUsage, a.Problem = true, u.problem
	return true
}

// settle turns the counts so far into counts that do not overlap. u gets what is wrong with them.
func (s *usageState) settle(c *Call, u *usage, a *Answer) {
	a.Usage = price.Usage{WebSearches: a.Usage.WebSearches}
	prompt, output, audio := s.whole(c, u)
	s.output(output, u, &a.Usage)
	s.input(c, prompt, audio, u, a)
}

// reports reads what a usage says in addition to its counts.
func (u *usage) reports(c *Call, a *Answer) {
	readCost(u.facts[costUSD], a)
	readTicks(u.facts[costTicks], a)
	if string(u.facts[ownKey]) == "true" {
		a.HasReported, a.Reported = false, 0 // the program's own key pays, and that is not in it
	}
	if tier, _ := jsontext.Unquote(u.facts[tierServed]); tier != "" {
		a.Tier = policy.Tier(printable(tier))
	}
	if traffic, _ := jsontext.Unquote(u.facts[trafficType]); traffic != "" {
		if tier := trafficTier(traffic); tier != "" {
			a.Tier = tier
		}
	}
	switch {
	case len(u.facts[secondsUsed]) > 0 && string(u.facts[secondsUsed]) != "null",
		u.has(audioSeconds) && c.Operation == Transcription: // Mistral's are, whatever the tokens
		a.Extras = "it is charged for by the second"
	case u.n[serverTools] > 0:
		a.Extras = "it also used server-side tools, which are charged for"
	case u.n[sourcesUsed] > 0:
		a.Extras = "it also used sources of a search, which are charged for"
	}
}
