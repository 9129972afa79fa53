package transport

// tryWhole reads p as a whole document, as an answer often comes; if it is none, nothing has happened. The values found
// share p until the next Write.
func (s *Scanner) tryWhole(p []byte) bool {
	if p[len(p)-1] != '}' && p[len(p)-1] != '\n' {
		return false
	}
	paths, limit := s.paths, s.limit
	s.src = p
	if s.whole(p) && s.within(limit) {
		s.off = len(p)
		return true
	}
	s.Reset(paths, limit)
	return false
}

// detach copies the values that still share the document.
func (s *Scanner) detach() {
	if s.src == nil {
		return
	}
	for i := range s.members {
		m := &s.members[i]
		m.from = len(s.copied)
		s.copied = append(s.copied, s.src[m.value:m.end]...)
		m.to = len(s.copied)
	}
	s.src = nil
}

// within reports whether no value found is longer than the limit.
func (s *Scanner) within(limit int) bool {
	for i := range s.members {
		if s.members[i].end-s.members[i].value > limit {
			return false
		}
	}
	return true
}

// whole reads a document that is all there, in one loop over local variables: what [Scanner.Write] does, at a few times
// its speed. It reports false where the document is not a valid object, or is in some way out of the ordinary; Write then
// finds out what is wrong with it, if anything. The Scanner must have been reset.
func (s *Scanner) whole(p []byte) bool {
	var (
		i, depth int
		objects  uint64 // one bit a level
		c        byte
	)
	if i = skipSpace(p, 0); i == len(p) || p[i] != '{' || s.paths == nil {
		return false
	}

value:
	if i = skipSpace(p, i); i == len(p) {
		return false
	}
	if s.level == depth && depth > 0 && s.active == 0 && s.hits != 0 {
		s.startMember(i)
	}
	c = p[i]
	switch {
	case c == '"':
		if i = stringEnd(p, i+1); i < 0 {
			return false
		}
		i++
	case c == '{' || c == '[':
		if depth == 64 {
			return false
		}
		objects &^= 1 << depth
		if c == '{' {
			objects |= 1 << depth
			if s.level == depth {
				s.enterObject(i, depth)
			}
		}
		depth++
		if i = skipSpace(p, i+1); i == len(p) {
			return false
		}
		if p[i] == c+2 { // the matching bracket
			goto leave
		}
		if c == '{' {
			goto key
		}
		goto value
	case c == 't':
		if len(p)-i < 4 || string(p[i:i+4]) != "true" {
			return false
		}
		i += 4
	case c == 'n':
		if len(p)-i < 4 || string(p[i:i+4]) != "null" {
			return false
		}
		i += 4
	case c == 'f':
		if len(p)-i < 5 || string(p[i:i+5]) != "false" {
			return false
		}
		i += 5
	default:
		if i = skipNumber(p, i); i < 0 {
			return false
		}
	}

ended:
	if s.active > 0 && s.level == depth {
		m := &s.members[s.active-1]
		m.end, m.whole = i, true
		s.active = 0
	}
	if i = skipSpace(p, i); i == len(p) {
		return false
	}
	if p[i] == ',' {
		if objects&(1<<(depth-1)) == 0 {
			i++
			goto value
		}
		if s.level == depth {
			s.commas[depth-1] = i
		}
		if i = skipSpace(p, i+1); i == len(p) {
			return false
		}
		goto key
	}
	if want := byte(']' + objects>>(depth-1)&1*('}'-']')); p[i] != want {
		return false
	}

leave:
	if s.level == depth {
		s.level--
		if depth == 1 {
			s.count = s.ords[0]
		}
	}
	depth--
	i++
	if depth > 0 {
		goto ended
	}
	if skipSpace(p, i) != len(p) {
		return false
	}
	s.state = scanDone
	return true

key:
	if p[i] != '"' {
		return false
	}
	start := i
	for i++; i < len(p) && p[i] != '"' && p[i] != '\\'; i++ { // most keys are short
	}
	if i == len(p) {
		return false
	}
	escaped := p[i] == '\\'
	if escaped {
		if i = stringEnd(p, i); i < 0 {
			return false
		}
	}
	if s.level == depth {
		s.noteKey(start)
		s.hits = 0
		switch {
		case s.active > 0:
		case escaped:
			s.hits = s.matchKey(p[start+1 : i])
		default:
			s.hits = s.paths.match(s.masks[depth-1], depth-1, p[start+1:i])
		}
	}
	if i = skipSpace(p, i+1); i == len(p) || p[i] != ':' {
		return false
	}
	i++
	goto value
}

func skipSpace(p []byte, i int) int {
	for i < len(p) && p[i] <= ' ' && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t') {
		i++
	}
	return i
}

// skipNumber returns the index after the number that begins at p[i]; -1 if none does.
func skipNumber(p []byte, i int) int {
	if i < len(p) && p[i] == '-' {
		i++
	}
	if i < len(p) && p[i] == '0' {
		i++
	} else if i = skipDigits(p, i); i < 0 {
		return -1
	}
	if i < len(p) && p[i] == '.' {
		if i = skipDigits(p, i+1); i < 0 {
			return -1
		}
	}
	if i < len(p) && p[i]|0x20 == 'e' {
		i++
		if i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		return skipDigits(p, i)
	}
	return i
}

// skipDigits returns the index after the digits that begin at p[i]; -1 if there is none.
func skipDigits(p []byte, i int) int {
	start := i
	for i < len(p) && p[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
