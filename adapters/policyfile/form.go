package policyfile

import "strings"

// maxDepth is how deep brackets may nest. A policy file needs five.
const maxDepth = 16

// A form walks over the lines of a YAML text. It refuses what a policy file has no use for, and what makes the YAML
// library slow, silent or sick: its time grows with the square of nesting, of block text and of runs of "<".
type form struct {
	brackets []bracket // open
	header   bool      // "---" was seen
	content  bool      // anything else was
	ended    bool      // "..." was seen
	last     line      // the last that is neither empty nor a comment
}

type bracket struct {
	sign rune
	at   place
}

type line struct {
	indent int
	text   bool // it ends in text without quotes
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

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

func (f *form) line(l []rune, number int) *Error {
	at := func(i int) place { return place{number, i + 1} }
	start := 0
	for start < len(l) && l[start] == ' ' {
		start++
	}
	switch {
	case start == len(l) || l[start] == '#':
		return nil
	case l[start] == '\t':
		return at(start).errorf("", "a tab; use spaces")
	}
	i := start
	switch marker(l) {
	case "---":
		if f.header || f.content || f.ended {
			return at(0).errorf("", "a second document; a policy file has one")
		}
		f.header = true
		i = 3
	case "...":
		f.ended = true
		i = 3
	default:
		if f.ended {
			return at(start).errorf("", "a second document; a policy file has one")
		}
		f.content = true
	}
	if f.last.text && l[start] == '-' && start > f.last.indent {
		return at(start).errorf("", "a list, or text that goes on from the line before; indent the list less, or quote the text on one line")
	}
	f.last = line{indent: start}
	text, colon, dash := false, false, false // in text without quotes; after the colon of an entry; after a list's dash
	closed := -1                             // where the last quote closed
	for ; i < len(l); i++ {
		c := l[i]
		blank := i+1 == len(l) || l[i+1] == ' ' || l[i+1] == '\t' // after it
		quoted := len(f.brackets) > 0 && closed >= 0 && closed == i-1
		switch {
		case c == ' ':
		case c == '\t':
			if rest := strings.TrimSpace(string(l[i:])); rest != "" && rest[0] != '#' {
				return at(i).errorf("", "a tab; use spaces")
			}
			return nil
		case c == '#' && (!text || l[i-1] == ' ' || l[i-1] == '\t'):
			return nil
		case c == '<' && i+1 < len(l) && l[i+1] == '<':
			return at(i).errorf("", "merge keys (<<) are not read; write the keys out")
		case c == ',' && len(f.brackets) > 0:
			text, colon = false, false
		case c == ']' || c == '}':
			n := len(f.brackets)
			switch {
			case n == 0 && text:
				continue
			case n == 0 || (f.brackets[n-1].sign == '[') != (c == ']'):
				return at(i).errorf("", "this %c closes nothing", c)
			}
			f.brackets = f.brackets[:n-1]
			text, colon = false, false
		case c == ':' && !blank && len(f.brackets) > 0 && !colon && !quoted:
			return at(i).errorf("", "a space after this colon is missing, or quotes around text that holds one")
		case c == ':' && (blank || quoted):
			if colon {
				return at(i).errorf("", "a second key before the first has ended: a comma or a line break is missing, or quotes around text that holds a colon")
			}
			text, colon, dash = false, true, false
		case (c == '[' || c == '{') && (!text || len(f.brackets) > 0):
			if len(f.brackets) == maxDepth {
				return at(i).errorf("", "brackets nest deeper than %d", maxDepth)
			}
			f.brackets = append(f.brackets, bracket{c, at(i)})
			text, colon = false, false
		case text:
		case c == '-' && blank:
			if dash {
				return at(i).errorf("", "a list in a list")
			}
			dash = true
		case c == '"' || c == '\'':
			end := closing(l, i)
			if end < 0 {
				return at(i).errorf("", "this quote is not closed on its line")
			}
			i, closed = end, end
		case c == '?' && blank:
			return at(i).errorf("", "keys with a question mark are not read; write key: value")
		default:
			if refused, ok := indicators[c]; ok {
				return at(i).errorf("", "%s", refused)
			}
			text = true
		}
		f.last.text = text
	}
	return nil
}

// indicators are what the signs that begin a value mean in YAML, and that a policy file does not use.
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

// marker returns the document marker that the line begins with, if one.
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
