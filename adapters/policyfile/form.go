package policyfile

import "strings"

// maxDepth is how deep brackets may nest. A policy file needs five.
const maxDepth = 16

// A form checks the lines of a YAML text before the YAML library reads it. It refuses what a policy file does not
// need, and what makes the library slow, silently wrong or crash: the library's time grows with the square of the
// nesting, of the length of block text, and of runs of "<".
//
// It reads each line from left to right, and knows of each sign whether it belongs to the structure or to text without
// quotes. In
//
//   - match: {model: gpt-5*, provider: openai} # c
//
// the dash begins an item; "match" is text until its colon ends the key; { opens a bracket, in which "gpt-5*" is text
// until the comma; and # ends the line, as it follows a space.
type form struct {
	brackets []bracket // open
	header   bool      // "---" was read
	content  bool      // anything else was
	ended    bool      // "..." was read
	last     line      // the last line that is neither empty nor a comment
}

type bracket struct {
	sign rune
	at   place
}

// A line is one line, and the state of reading it.
type line struct {
	runes  []rune
	number int
	indent int
	text   bool // within text without quotes, or the line ends in it
	colon  bool // after the colon of an entry
	dash   bool // after the dash of an item
	quote  int  // where the last quoted text was closed; -1 if there was none
}

func (l *line) at(i int) place { return place{l.number, i + 1} }

func isBlank(c rune) bool { return c == ' ' || c == '\t' }

// blankAfter reports whether a space, a tab or the line's end follows.
func (l *line) blankAfter(i int) bool { return i+1 == len(l.runes) || isBlank(l.runes[i+1]) }

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// checkForm returns the first line's mistake, or a bracket that is never closed.
func checkForm(text string) *Error {
	f := &form{}
	number := 0
	for l := range strings.SplitSeq(lineEnds.Replace(text), "\n") {
		number++
		if err := f.line([]rune(l), number); err != nil {
			return err
		}
	}
	if n := len(f.brackets); n > 0 {
		return f.brackets[n-1].at.errorf("", "this %c is never closed", f.brackets[n-1].sign)
	}
	return nil
}

// line checks one line.
func (f *form) line(runes []rune, number int) *Error {
	l := line{runes: runes, number: number, quote: -1}
	for l.indent < len(runes) && runes[l.indent] == ' ' {
		l.indent++
	}
	switch {
	case l.indent == len(runes) || runes[l.indent] == '#':
		return nil
	case runes[l.indent] == '\t':
		return l.at(l.indent).errorf("", "a tab; use spaces")
	}
	i, err := f.begin(&l)
	for err == nil && i < len(runes) {
		i, err = f.next(&l, i)
	}
	f.last = l
	return err
}

// begin checks how a line begins, and returns where to go on: after a document marker, or at the first sign.
func (f *form) begin(l *line) (int, *Error) {
	i := l.indent
	switch marker(l.runes) {
	case "---":
		if f.header || f.content || f.ended {
			return 0, l.at(0).errorf("", "a second document; a policy file has one")
		}
		f.header = true
		i = 3
	case "...":
		f.ended = true
		i = 3
	default:
		if f.ended {
			return 0, l.at(i).errorf("", "a second document; a policy file has one")
		}
		f.content = true
	}
	if f.last.text && l.runes[l.indent] == '-' && l.indent > f.last.indent {
		return 0, l.at(l.indent).errorf("", "a list, or text that goes on from the line before; indent the list less, or quote the text on one line")
	}
	return i, nil
}

// next checks the sign at i, and returns where to go on.
func (f *form) next(l *line, i int) (int, *Error) {
	end := len(l.runes)
	switch c := l.runes[i]; {
	case c == ' ':
		return i + 1, nil
	case c == '\t':
		if rest := strings.TrimSpace(string(l.runes[i:])); rest != "" && rest[0] != '#' {
			return 0, l.at(i).errorf("", "a tab; use spaces")
		}
		return end, nil
	case c == '#' && (!l.text || isBlank(l.runes[i-1])):
		return end, nil
	case c == '<' && i+1 < end && l.runes[i+1] == '<':
		return 0, l.at(i).errorf("", "merge keys (<<) are not read; write the keys out")
	}
	switch done, err := f.structure(l, i); {
	case err != nil:
		return 0, err
	case done || l.text:
		return i + 1, nil
	}
	return l.value(i)
}

// structure checks a bracket, a comma or a colon, and reports whether it is one, rather than a part of text.
func (f *form) structure(l *line, i int) (bool, *Error) {
	inBrackets := len(f.brackets) > 0
	switch l.runes[i] {
	case ',':
		if inBrackets {
			l.text, l.colon = false, false
		}
		return inBrackets, nil
	case '[', '{':
		if l.text && !inBrackets {
			return false, nil
		}
		return true, f.open(l, i)
	case ']', '}':
		if l.text && !inBrackets {
			return false, nil
		}
		return true, f.close(l, i)
	case ':':
		return f.colon(l, i)
	}
	return false, nil
}

func (f *form) open(l *line, i int) *Error {
	if len(f.brackets) == maxDepth {
		return l.at(i).errorf("", "brackets nest deeper than %d", maxDepth)
	}
	f.brackets = append(f.brackets, bracket{l.runes[i], l.at(i)})
	l.text, l.colon = false, false
	return nil
}

func (f *form) close(l *line, i int) *Error {
	n := len(f.brackets)
	if n == 0 || (f.brackets[n-1].sign == '[') != (l.runes[i] == ']') {
		return l.at(i).errorf("", "this %c closes nothing", l.runes[i])
	}
	f.brackets = f.brackets[:n-1]
	l.text, l.colon = false, false
	return nil
}

// colon checks a colon, and reports whether it ends a key. It does before a blank, as in "a: b", and in brackets also
// after a quoted key, as in {"a":1}. Else it is a part of text, as in "ft:gpt-4o", which in brackets is allowed only
// in a value: {a:b} looks like an entry and is none.
func (f *form) colon(l *line, i int) (bool, *Error) {
	inBrackets := len(f.brackets) > 0
	ends := l.blankAfter(i) || inBrackets && i > 0 && l.quote == i-1
	switch {
	case ends && l.colon:
		return false, l.at(i).errorf("", "a second key before the first has ended: a comma or a line break is missing, or quotes around text that holds a colon")
	case ends:
		l.text, l.colon, l.dash = false, true, false
	case inBrackets && !l.colon:
		return false, l.at(i).errorf("", "a space after this colon is missing, or quotes around text that holds one")
	}
	return ends, nil
}

// value checks the sign that begins a key or a value, and returns where to go on.
func (l *line) value(i int) (int, *Error) {
	switch c := l.runes[i]; {
	case c == '-' && l.blankAfter(i):
		if l.dash {
			return 0, l.at(i).errorf("", "a list in a list")
		}
		l.dash = true
	case c == '"' || c == '\'':
		end := closing(l.runes, i)
		if end < 0 {
			return 0, l.at(i).errorf("", "this quote is not closed on its line")
		}
		l.quote = end
		return end + 1, nil
	case c == '?' && l.blankAfter(i):
		return 0, l.at(i).errorf("", "keys with a question mark are not read; write key: value")
	default:
		if refused, ok := indicators[c]; ok {
			return 0, l.at(i).errorf("", "%s", refused)
		}
		l.text = true
	}
	return i + 1, nil
}

// indicators are the signs that mean something in YAML where they begin a value, and that a policy file does not use.
var indicators = map[rune]string{
	'&': "anchors (&) are not read; write the values out, and quote text that begins with &",
	'*': "aliases (*) are not read; quote a pattern that begins with *",
	'!': "tags (!) are not read; quote text that begins with !",
	'|': "text over several lines (|) is not read; write it on one line, in quotes",
	'>': "text over several lines (>) is not read; write it on one line, in quotes",
	'%': "directives (%) are not read; quote text that begins with %",
	'@': "text cannot begin with @; quote it",
	'`': "text cannot begin with `; quote it",
}

// marker returns the document marker that the line begins with, or "".
func marker(l []rune) string {
	if len(l) < 3 || len(l) > 3 && l[3] != ' ' && l[3] != '\t' {
		return ""
	}
	if s := string(l[:3]); s == "---" || s == "..." {
		return s
	}
	return ""
}

// closing returns the index of the quote that closes the one at i, or -1.
func closing(l []rune, i int) int {
	quote := l[i]
	for i++; i < len(l); i++ {
		switch {
		case l[i] == '\\' && quote == '"':
			i++
		case l[i] != quote:
		case quote == '\'' && i+1 < len(l) && l[i+1] == '\'':
			i++
		default:
			return i
		}
	}
	return -1
}
