package reuse

// shortfall counts by how many nodes the next turns missed the ends of prompts. What is new in a prompt often ends in a part
// that the next turn does not repeat.
type shortfall [8]float64

// add counts a turn.
func (s *shortfall) add(missed int) {
	s[min(max(missed, 0), len(s)-1)]++
	if s[0] > 2000 {
		for i := range s {
			s[i] /= 2
		}
	}
}

// likely returns how many nodes of a prompt to hold: more tokens are worth more, fewer are more often used again. It is 0 if
// the prompt is too small for a cache.
func (s *shortfall) likely(p *Prompt) (nodes int) {
	total := 0.0
	for _, n := range s {
		total += n
	}
	n := len(p.Nodes)
	reached, best := 0.0, 0.0
	for missed := 0; missed < len(s)-1 && missed < n && p.Nodes[n-1-missed].Tokens >= p.Least; missed++ {
		reached += s[missed]
		worth := reached / total * float64(p.Nodes[n-1-missed].Tokens) / float64(p.Nodes[n-1].Tokens)
		if missed == 0 || worth > best+0.005 {
			best, nodes = worth, n-missed
		}
	}
	return nodes
}
