package tokens

// This file reads text as runs of characters of one class: a word, a number, spaces, punctuation, a script. A run costs for its
// beginning, by what comes before it, and for its length. The costs are in costs.go.
//
// The rules are those of a machine with a state for each situation that matters. What follows from each byte in each state is
// in one table, so that a byte costs two loads and an addition, and a character may be split between pieces of a text.

// A class is a class of bytes.
type class = uint8

// The classes of bytes. The 32 classes after classFollow are those of the bytes that continue a character.
const (
	classControl class = iota
	classSpace
	classNewline
	classTab
	classVowel
	classConsonant
	classRare  // a consonant that is rare in most languages
	classUpper // a consonant of upper case
	classUpperVowel
	classDigit
	classDot
	classComma
	classDash
	classUnderscore
	classSlash
	classEquals
	classStar
	classHash
	classQuote
	classOpen
	classClose
	classColon
	classPunct // any other

	classC2 // the bytes that begin a character
	classC3
	classC4 // to C9
	classCA // to CB
	classCC // to CD
	classCE // to CF
	classD0 // to D1
	classD2 // to D3
	classD4 // to D5
	classD6
	classD7
	classD8 // to DB
	classDC // to DF
	classE0
	classE1
	classE2
	classE3
	classE4 // to E9
	classEA
	classEB // to ED
	classEE
	classEF
	classF0
	classInvalid // in no text
	classFollow

	classes = classFollow + 32
)

// classOf returns the class of a byte.
func classOf(b byte) class {
	switch {
	case b == ' ':
		return classSpace
	case b == '\n', b == '\r':
		return classNewline
	case b == '\t':
		return classTab
	case b < ' ', b == 0x7f:
		return classControl
	case 'a' <= b && b <= 'z':
		return letterClass(b)
	case 'A' <= b && b <= 'Z':
		if letterClass(b|0x20) == classVowel {
			return classUpperVowel
		}
		return classUpper
	case '0' <= b && b <= '9':
		return classDigit
	case b < 0x80:
		return punctClass(b)
	case b < 0xc0:
		return classFollow + (b-0x80)>>1
	}
	return leadClass(b)
}

func letterClass(b byte) class {
	switch b {
	case 'a', 'e', 'i', 'o', 'u':
		return classVowel
	case 'j', 'k', 'q', 'v', 'w', 'x', 'z':
		return classRare
	}
	return classConsonant
}

func punctClass(b byte) class {
	switch b {
	case '.':
		return classDot
	case ',':
		return classComma
	case '-':
		return classDash
	case '_':
		return classUnderscore
	case '/':
		return classSlash
	case '=':
		return classEquals
	case '*':
		return classStar
	case '#':
		return classHash
	case '"', '\'', '`':
		return classQuote
	case '(', '[', '{', '<':
		return classOpen
	case ')', ']', '}', '>':
		return classClose
	case ':', ';':
		return classColon
	}
	return classPunct
}

// leads are the first bytes of the ranges that begin characters, in ascending order.
var leads = [...]struct {
	from  byte
	class class
}{
	{0xc0, classInvalid}, {0xc2, classC2}, {0xc3, classC3}, {0xc4, classC4}, {0xca, classCA}, {0xcc, classCC},
	{0xce, classCE}, {0xd0, classD0}, {0xd2, classD2}, {0xd4, classD4}, {0xd6, classD6}, {0xd7, classD7},
	{0xd8, classD8}, {0xdc, classDC}, {0xe0, classE0}, {0xe1, classE1}, {0xe2, classE2}, {0xe3, classE3},
	{0xe4, classE4}, {0xea, classEA}, {0xeb, classEB}, {0xee, classEE}, {0xef, classEF}, {0xf0, classF0},
	{0xf1, classInvalid},
}

func leadClass(b byte) (c class) {
	for _, lead := range leads {
		if b >= lead.from {
			c = lead.class
		}
	}
	return c
}

// A script is a group of characters beyond ASCII that cost about the same.
type script uint8

const (
	noScript script = iota
	latinSupplement
	latinExtended
	latinAdditional // Vietnamese
	latinRare
	symbolSupplement
	combining
	greek
	greekExtended
	cyrillic
	cyrillicRare
	armenian
	hebrew
	arabic
	otherTwo // of two bytes
	devanagari
	bengali
	gurmukhi
	gujarati
	oriya
	tamil
	telugu
	kannada
	malayalam
	sinhala
	thai
	lao
	tibetan
	myanmar
	georgian
	jamo
	ethiopic
	khmer
	mongolian
	generalPunct
	subscripts
	letterlike
	arrows
	mathSigns
	technical
	boxes
	shapes
	kanaOrPunct // E3 80 and 81: punctuation and half of hiragana
	kana
	rareHan
	han
	hangul
	fullWidth
	variation
	emoji
	otherFour
	otherThree
	scripts
)

// latin reports whether the script's characters continue a word of Latin letters.
func (s script) latin() bool { return s >= latinSupplement && s <= latinRare || s == combining }

// scriptOf returns the script of a lead byte alone; 0 if the byte that follows it says which.
func scriptOf(lead class) script {
	switch lead {
	case classC2:
		return symbolSupplement
	case classC3:
		return latinSupplement
	case classC4:
		return latinExtended
	case classCA:
		return latinRare
	case classCC:
		return combining
	case classCE:
		return greek
	case classD0:
		return cyrillic
	case classD2:
		return cyrillicRare
	case classD4:
		return armenian
	case classD7:
		return hebrew
	case classD8:
		return arabic
	case classDC:
		return otherTwo
	case classE4:
		return han
	case classEB:
		return hangul
	case classEE:
		return otherThree
	}
	return noScript
}

// scriptAfter returns the script of a lead byte and the class of the byte that follows, which counts from classFollow.
func scriptAfter(lead, follow class) script {
	switch lead {
	case classD6:
		if follow < 8 {
			return armenian
		}
		return hebrew
	case classE0:
		if follow >= 18 && follow < 30 {
			return devanagari + script(follow-18)
		}
		if follow >= 30 {
			return tibetan
		}
	case classE1:
		return e1Scripts[follow]
	case classE2:
		return e2Scripts[follow]
	case classE3:
		switch follow {
		case 0:
			return kanaOrPunct
		case 1:
			return kana
		}
		return rareHan
	case classEA:
		if follow >= 24 {
			return hangul
		}
	case classEF:
		switch follow {
		case 28:
			return variation
		case 30, 31:
			return fullWidth
		}
	case classF0:
		if follow == 15 {
			return emoji
		}
		return otherFour
	}
	return otherThree
}

var e1Scripts = [32]script{
	0: myanmar, 1: georgian, 2: jamo, 3: jamo, 4: ethiopic, 5: ethiopic, 6: ethiopic, 7: otherThree,
	8: otherThree, 9: otherThree, 10: otherThree, 11: otherThree, 12: otherThree, 13: otherThree, 14: otherThree, 15: khmer,
	16: mongolian, 17: mongolian, 18: otherThree, 19: otherThree, 20: otherThree, 21: otherThree, 22: otherThree, 23: otherThree,
	24: otherThree, 25: georgian, 26: otherThree, 27: otherThree, 28: latinAdditional, 29: latinAdditional, 30: greekExtended, 31: greekExtended,
}

var e2Scripts = [32]script{
	0: generalPunct, 1: subscripts, 2: letterlike, 3: arrows, 4: mathSigns, 5: mathSigns, 6: technical, 7: technical,
	8: technical, 9: technical, 10: boxes, 11: shapes, 12: shapes, 13: shapes, 14: shapes, 15: shapes,
	16: technical, 17: technical, 18: arrows, 19: mathSigns, 20: mathSigns, 21: mathSigns, 22: mathSigns, 23: otherThree,
	24: otherThree, 25: otherThree, 26: otherThree, 27: otherThree, 28: otherThree, 29: otherThree, 30: rareHan, 31: rareHan,
}

// A kind is what a run is of.
type kind uint8

const (
	atStart kind = iota
	inControl
	inSpace   // one space
	inSpaces  // several
	inNewline // one or more
	inTab
	inWord   // Latin letters, the last of them lower case
	inCaps   // upper case letters
	inDigits // one to three
	inPunct
	inPuncts // several
	inRepeat // of one punctuation mark
	inScript
	inLead // between the first byte of a character and the second
	kinds
)

// A state is all that the cost of the next byte depends on.
type state struct {
	kind kind
	n    uint8 // length of the run, up to a maximum
	c    uint8 // consonants in a row; class of a punctuation mark; script; class of a lead byte
	was  kind  // before a lead byte
}

// The longest lengths that matter.
const (
	maxWord       = 10
	maxConsonants = 4
	maxCaps       = 5
	maxScript     = 2
	maxRepeat     = 3
)

// A step says which state a byte leads to, and what it costs: the sum of these costs.
type step struct {
	to    state
	costs [4]cost
}

// next returns what a byte of a class does in a state.
func (s state) next(c class) step {
	if c >= classFollow {
		if s.kind == inLead {
			return s.startScript(scriptAfter(s.c, c-classFollow), s.was)
		}
		if s.kind == inScript || s.kind == inWord {
			return step{to: s} // it was paid for with the first byte
		}
		return step{to: state{kind: inControl}, costs: [4]cost{costInvalid}}
	}
	switch c {
	case classControl:
		return step{to: state{kind: inControl}, costs: [4]cost{costControl}}
	case classInvalid:
		return step{to: state{kind: inControl}, costs: [4]cost{costInvalid}}
	case classSpace:
		return s.nextSpace()
	case classNewline:
		return step{to: state{kind: inNewline}, costs: [4]cost{costNewline + cost(s.kind)}}
	case classTab:
		if s.kind == inTab {
			return step{to: s, costs: [4]cost{costTabs}}
		}
		return step{to: state{kind: inTab}, costs: [4]cost{costTab + cost(s.kind)}}
	case classVowel, classConsonant, classRare:
		return s.nextLower(c)
	case classUpper, classUpperVowel:
		return s.nextUpper(c)
	case classDigit:
		if s.kind == inDigits {
			n := s.n%3 + 1
			return step{to: state{kind: inDigits, n: n}, costs: [4]cost{costDigits + cost(n)}}
		}
		return step{to: state{kind: inDigits, n: 1}, costs: [4]cost{costDigit + cost(s.kind)}}
	}
	if c < classC2 {
		return s.nextPunct(c)
	}
	if script := scriptOf(c); script != noScript {
		return s.startScript(script, s.kind)
	}
	was := s.kind
	switch was {
	case inSpace, inScript, inWord:
	case inCaps:
		was = inWord
	default: // which of the others does not matter much, and each would need states of its own
		was = inPunct
	}
	return step{to: state{kind: inLead, c: c, was: was}}
}

func (s state) nextSpace() step {
	switch s.kind {
	case inSpace:
		return step{to: state{kind: inSpaces, n: 1}, costs: [4]cost{costSpaces}}
	case inSpaces:
		if s.n < maxRepeat {
			s.n++
		}
		return step{to: s, costs: [4]cost{costSpaces + cost(s.n)}}
	}
	return step{to: state{kind: inSpace}, costs: [4]cost{costSpace + cost(s.kind)}}
}

func (s state) nextLower(c class) step {
	run := uint8(0)
	if c != classVowel {
		run = 1
	}
	extra := cost(costNone)
	if c == classRare {
		extra = costRare
	}
	switch s.kind {
	case inWord:
		if run > 0 {
			run = min(s.c+1, maxConsonants)
		}
		n := min(s.n+1, maxWord)
		return step{to: state{kind: inWord, n: n, c: run}, costs: [4]cost{costWord + cost(n), costConsonants + cost(run), extra}}
	case inCaps:
		if s.n == 1 { // a capitalised word
			return step{to: state{kind: inWord, n: 2, c: run + 1}, costs: [4]cost{costCapital, extra}}
		}
		return step{to: state{kind: inWord, n: 1, c: run}, costs: [4]cost{costAfterCaps, extra}}
	}
	return step{to: state{kind: inWord, n: 1, c: run}, costs: [4]cost{costLower + cost(s.kind), extra}}
}

func (s state) nextUpper(c class) step {
	run := uint8(0)
	if c != classUpperVowel {
		run = 1
	}
	if s.kind == inCaps {
		if run > 0 {
			run = min(s.c+1, maxConsonants)
		}
		n := min(s.n+1, maxCaps)
		return step{to: state{kind: inCaps, n: n, c: run}, costs: [4]cost{costCaps + cost(n), costCapConsonants + cost(run)}}
	}
	extra := cost(costNone)
	if s.kind == inWord && s.n <= 2 { // as in random letters
		extra = costShort
	}
	return step{to: state{kind: inCaps, n: 1, c: run}, costs: [4]cost{costUpper + cost(s.kind), extra}}
}

func (s state) nextPunct(c class) step {
	mark := cost(c - classDot)
	switch s.kind {
	case inPunct, inPuncts, inRepeat:
		if s.c == c && c != classPunct {
			n := uint8(1)
			if s.kind == inRepeat {
				n = min(s.n+1, maxRepeat)
			}
			return step{to: state{kind: inRepeat, n: n, c: c}, costs: [4]cost{costRepeat + 4*mark + cost(n)}}
		}
		if s.kind == inPunct {
			return step{to: state{kind: inPuncts, n: 1, c: c}, costs: [4]cost{costSecond + mark}}
		}
		return step{to: state{kind: inPuncts, n: 2, c: c}, costs: [4]cost{costThird + mark}}
	}
	return step{to: state{kind: inPunct, c: c}, costs: [4]cost{costPunct + cost(s.kind), costMark + mark}}
}

// startScript begins a character of a script, after a run.
func (s state) startScript(to script, was kind) step {
	if to.latin() {
		extra := costLatin + cost(to)
		switch {
		case s.kind == inWord:
			return step{to: state{kind: inWord, n: min(s.n+1, maxWord)}, costs: [4]cost{costWord + cost(min(s.n+1, maxWord)), extra}}
		case was == inWord || was == inCaps:
			return step{to: state{kind: inWord, n: 4}, costs: [4]cost{costWord + 4, extra}}
		}
		return step{to: state{kind: inWord, n: 1}, costs: [4]cost{costLower + cost(was), extra}}
	}
	first := costScript + scriptCosts*cost(to)
	switch {
	case s.kind == inScript && script(s.c) == to:
		return step{to: state{kind: inScript, n: maxScript, c: s.c}, costs: [4]cost{first + cost(s.n+1)}}
	case s.kind == inLead && was == inScript: // most probably of the same one
		return step{to: state{kind: inScript, n: maxScript, c: uint8(to)}, costs: [4]cost{first + maxScript}}
	case was != inSpace:
		first++
	}
	return step{to: state{kind: inScript, n: 1, c: uint8(to)}, costs: [4]cost{first}}
}
