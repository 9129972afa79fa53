package tokens

// A cost is an index of costs.
type cost uint16

const (
	costNone          cost = iota
	costInvalid            // a byte that is in no text
	costControl            // a control character
	costSpaces             // another space
	_                      // a third
	_                      // a fourth
	_                      // more
	costTabs               // another tab
	costRare               // a rare consonant
	costCapital            // the second letter of a capitalised word
	costAfterCaps          // a lower case letter after several of upper case
	costShort              // an upper case letter after a very short word
	costDigits             // unused
	_                      // a new group of digits
	_                      // its second
	_                      // its third
	costConsonants         // a vowel
	costCapConsonants = costConsonants + maxConsonants + 1
	costNewline       = costCapConsonants + maxConsonants + 1
	costTab           = costNewline + cost(kinds)
	costSpace         = costTab + cost(kinds)
	costLower         = costSpace + cost(kinds)
	costUpper         = costLower + cost(kinds)
	costDigit         = costUpper + cost(kinds)
	costPunct         = costDigit + cost(kinds)
	costWord          = costPunct + cost(kinds)
	costCaps          = costWord + maxWord + 1
	costMark          = costCaps + maxCaps + 1
	marks             = cost(classPunct-classDot) + 1
	costSecond        = costMark + marks
	costThird         = costSecond + marks
	costRepeat        = costThird + marks
	costLatin         = costRepeat + 4*marks
	costScript        = costLatin + cost(combining) + 1
	scriptCosts       = 4 // at the beginning of a run, after a space and after anything else; the second character; a later one
	allCosts          = costScript + scriptCosts*cost(scripts)
)

// costs are in thousandths of a token. They are a fit, of no negative cost, to counts that github.com/tiktoken-go/tokenizer
// v0.10.0 made with OpenAI's o200k_base of 226 kinds of text: 130 languages, source code of 20 kinds, prose, tables, logs,
// random hexadecimals and the like. What does not occur in them has a guess.
var costs = [allCosts]uint32{
	costInvalid: 700, 881, 791, 0, 0, 0, 312, 730, 0, 1340, 1001, 0, 819, 0, 217,
	costConsonants: 161, 0, 0, 0, 596,
	costCapConsonants: 127, 0, 162, 354, 1330,
	costNewline: 819, 800, 1198, 885, 0, 814, 1539, 1320, 974, 0, 0, 511, 1864, 800,
	costTab: 792, 800, 775, 801, 792, 800, 660, 798, 956, 1013, 815, 762, 792, 800,
	costSpace: 0, 0, 0, 0, 0, 0, 373, 0, 595, 294, 5, 78, 0, 0,
	costLower: 632, 700, 302, 586, 806, 237, 700, 700, 810, 452, 701, 55, 1301, 700,
	costUpper: 1014, 698, 732, 712, 2062, 1137, 277, 700, 761, 472, 1171, 498, 504, 700,
	costDigit: 1013, 1000, 1551, 1253, 1155, 926, 1263, 1268, 1000, 1211, 783, 873, 1023, 1000,
	costPunct: 465, 385, 585, 986, 245, 834, 251, 306, 409, 500, 500, 500, 911, 500,
	costWord: 0, 0, 0, 0, 0, 0, 0, 0, 264, 70, 226,
	costCaps: 0, 0, 0, 290, 0, 0,
	costMark: 0, 701, 660, 103, 115, 113, 41, 136, 665, 895, 391, 494, 269,
	costSecond: 43, 0, 746, 341, 521, 600, 385, 618, 0, 649, 0, 0, 960,
	costThird: 438, 232, 936, 907, 271, 770, 933, 825, 127, 1131, 1526, 549, 276,
	costRepeat: 0, 0, 319, 46, 0, 210, 101, 100, 0, 0, 0, 0, 0, 326, 99, 97, 0, 132, 166, 100, 0, 0, 2, 103, 0, 254, 40, 56, 0, 91, 0, 49, 0, 0, 17, 63, 0, 38, 133, 101, 0, 0, 0, 15, 0, 464, 107, 100, 0, 200, 100, 100,
	costLatin: 0, 1000, 861, 0, 1798, 300, 205,
	costScript + scriptCosts*cost(symbolSupplement): 161, 799, 285, 622,
	costScript + scriptCosts*cost(greek): 429, 836, 78, 488,
	costScript + scriptCosts*cost(greekExtended): 600, 600, 600, 600,
	costScript + scriptCosts*cost(cyrillic): 0, 985, 1476, 139,
	costScript + scriptCosts*cost(cyrillicRare): 0, 0, 302, 726,
	costScript + scriptCosts*cost(armenian): 460, 421, 356, 349,
	costScript + scriptCosts*cost(hebrew): 515, 798, 859, 320,
	costScript + scriptCosts*cost(arabic): 566, 0, 0, 593,
	costScript + scriptCosts*cost(otherTwo): 600, 600, 600, 600,
	costScript + scriptCosts*cost(devanagari): 264, 700, 427, 600,
	costScript + scriptCosts*cost(bengali): 478, 968, 382, 600,
	costScript + scriptCosts*cost(gurmukhi): 650, 623, 665, 600,
	costScript + scriptCosts*cost(gujarati): 154, 655, 522, 600,
	costScript + scriptCosts*cost(oriya): 781, 614, 1258, 600,
	costScript + scriptCosts*cost(tamil): 487, 710, 348, 600,
	costScript + scriptCosts*cost(telugu): 572, 634, 501, 600,
	costScript + scriptCosts*cost(kannada): 399, 723, 431, 600,
	costScript + scriptCosts*cost(malayalam): 652, 763, 375, 600,
	costScript + scriptCosts*cost(sinhala): 658, 570, 642, 600,
	costScript + scriptCosts*cost(thai): 568, 958, 406, 600,
	costScript + scriptCosts*cost(lao): 600, 600, 600, 600,
	costScript + scriptCosts*cost(tibetan): 666, 634, 1714, 600,
	costScript + scriptCosts*cost(myanmar): 624, 619, 571, 600,
	costScript + scriptCosts*cost(georgian): 550, 552, 347, 600,
	costScript + scriptCosts*cost(jamo): 600, 600, 600, 600,
	costScript + scriptCosts*cost(ethiopic): 600, 600, 600, 600,
	costScript + scriptCosts*cost(khmer): 517, 619, 630, 600,
	costScript + scriptCosts*cost(mongolian): 600, 600, 600, 600,
	costScript + scriptCosts*cost(generalPunct): 925, 0, 161, 600,
	costScript + scriptCosts*cost(subscripts): 601, 600, 600, 600,
	costScript + scriptCosts*cost(letterlike): 756, 600, 600, 600,
	costScript + scriptCosts*cost(arrows): 891, 608, 600, 600,
	costScript + scriptCosts*cost(mathSigns): 2449, 1057, 600, 600,
	costScript + scriptCosts*cost(technical): 600, 601, 600, 600,
	costScript + scriptCosts*cost(boxes): 600, 608, 419, 600,
	costScript + scriptCosts*cost(shapes): 602, 587, 0, 600,
	costScript + scriptCosts*cost(kanaOrPunct): 392, 822, 913, 600,
	costScript + scriptCosts*cost(kana): 615, 510, 488, 600,
	costScript + scriptCosts*cost(rareHan): 600, 600, 600, 600,
	costScript + scriptCosts*cost(han): 832, 707, 598, 989,
	costScript + scriptCosts*cost(hangul): 405, 532, 610, 1051,
	costScript + scriptCosts*cost(fullWidth): 599, 353, 1291, 600,
	costScript + scriptCosts*cost(variation): 600, 599, 113, 600,
	costScript + scriptCosts*cost(emoji): 1126, 601, 2269, 600,
	costScript + scriptCosts*cost(otherFour): 1696, 759, 4686, 600,
	costScript + scriptCosts*cost(otherThree): 652, 769, 894, 600,
}
