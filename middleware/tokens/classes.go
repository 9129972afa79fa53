package tokens

// This file reads text as runs of characters of one class: a word, a number, spaces, punctuation, a script. A run costs for its
// beginning, by what comes before it, and for its length. The costs are in costs.go.
//
// The rules are a state machine. One table has the next state and the cost of each byte in each state. A byte takes two loads
// and an addition, and a character may be split between pieces of a text.

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

// scriptOf has the script of each first byte that decides it, and noScript where the second byte decides it.
var scriptOf = [classFollow]script{
	classC2: symbolSupplement, classC3: latinSupplement, classC4: latinExtended, classCA: latinRare, classCC: combining,
	classCE: greek, classD0: cyrillic, classD2: cyrillicRare, classD4: armenian, classD7: hebrew, classD8: arabic,
	classDC: otherTwo, classE4: han, classEB: hangul, classEE: otherThree,
}

// scriptAfter returns the script of a first byte and the class of the second, which counts from classFollow.
func scriptAfter(lead, follow class) (s script) {
	for _, r := range scriptRanges {
		if r.lead == lead && r.from <= follow {
			s = r.script
		}
	}
	return s
}

// scriptRanges are where the scripts begin after the other first bytes, in ascending order. A class of second bytes is two
// blocks of 64 characters.
var scriptRanges = [...]struct {
	lead, from class
	script     script
}{
	{classD6, 0, armenian}, {classD6, 8, hebrew},
	{classE0, 0, otherThree}, {classE0, 18, devanagari}, {classE0, 19, bengali}, {classE0, 20, gurmukhi}, {classE0, 21, gujarati},
	{classE0, 22, oriya}, {classE0, 23, tamil}, {classE0, 24, telugu}, {classE0, 25, kannada}, {classE0, 26, malayalam},
	{classE0, 27, sinhala}, {classE0, 28, thai}, {classE0, 29, lao}, {classE0, 30, tibetan},
	{classE1, 0, myanmar}, {classE1, 1, georgian}, {classE1, 2, jamo}, {classE1, 4, ethiopic}, {classE1, 7, otherThree},
	{classE1, 15, khmer}, {classE1, 16, mongolian}, {classE1, 18, otherThree}, {classE1, 25, georgian}, {classE1, 26, otherThree},
	{classE1, 28, latinAdditional}, {classE1, 30, greekExtended},
	{classE2, 0, generalPunct}, {classE2, 1, subscripts}, {classE2, 2, letterlike}, {classE2, 3, arrows}, {classE2, 4, mathSigns},
	{classE2, 6, technical}, {classE2, 10, boxes}, {classE2, 11, shapes}, {classE2, 16, technical}, {classE2, 18, arrows},
	{classE2, 19, mathSigns}, {classE2, 23, otherThree}, {classE2, 30, rareHan},
	{classE3, 0, kanaOrPunct}, {classE3, 1, kana}, {classE3, 2, rareHan},
	{classEA, 0, otherThree}, {classEA, 24, hangul},
	{classEF, 0, otherThree}, {classEF, 28, variation}, {classEF, 29, otherThree}, {classEF, 30, fullWidth},
	{classF0, 0, otherFour}, {classF0, 15, emoji}, {classF0, 16, otherFour},
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
	switch {
	case c >= classFollow:
		return s.nextFollow(c - classFollow)
	case c >= classC2 && c != classInvalid:
		return s.nextLead(c)
	case c >= classDot && c <= classPunct:
		return s.nextPunct(c)
	}
	switch c {
	case classSpace:
		return s.nextSpace()
	case classNewline:
		return step{to: state{kind: inNewline}, costs: [4]cost{costNewline + cost(s.kind)}}
	case classTab:
		return s.nextTab()
	case classVowel, classConsonant, classRare:
		return s.nextLower(c)
	case classUpper, classUpperVowel:
		return s.nextUpper(c)
	case classDigit:
		return s.nextDigit()
	case classControl:
		return step{to: state{kind: inControl}, costs: [4]cost{costControl}}
	}
	return step{to: state{kind: inControl}, costs: [4]cost{costInvalid}}
}

// nextFollow reads a byte that continues a character.
func (s state) nextFollow(follow class) step {
	switch s.kind {
	case inLead:
		return s.startScript(scriptAfter(s.c, follow), s.was)
	case inScript, inWord:
		return step{to: s} // it was paid for with the first byte
	}
	return step{to: state{kind: inControl}, costs: [4]cost{costInvalid}}
}

// nextLead reads the first byte of a character.
func (s state) nextLead(c class) step {
	if script := scriptOf[c]; script != noScript {
		return s.startScript(script, s.kind)
	}
	was := s.kind
	switch was {
	case inSpace, inScript, inWord:
	case inCaps:
		was = inWord
	default: // the others differ little, and each would need states of its own
		was = inPunct
	}
	return step{to: state{kind: inLead, c: c, was: was}}
}

func (s state) nextTab() step {
	if s.kind == inTab {
		return step{to: s, costs: [4]cost{costTabs}}
	}
	return step{to: state{kind: inTab}, costs: [4]cost{costTab + cost(s.kind)}}
}

func (s state) nextDigit() step {
	if s.kind == inDigits {
		n := s.n%3 + 1
		return step{to: state{kind: inDigits, n: n}, costs: [4]cost{costDigits + cost(n)}}
	}
	return step{to: state{kind: inDigits, n: 1}, costs: [4]cost{costDigit + cost(s.kind)}}
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
