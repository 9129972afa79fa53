package tokens

// A cost is an index of costs. Its name says what has the cost. Where the comment has a plus, there are several in a row.
type cost uint16

const (
	costNone          cost                                    = iota
	costInvalid                                               // a byte that is in no text
	costControl                                               // a control character
	costSpaces                                                // a second space; + its number, for those after it
	costTabs          = costSpaces + maxRepeat + 1            // another tab
	costRare          = costTabs + 1                          // a rare consonant, in addition
	costCapital       = costRare + 1                          // the second letter of a capitalised word
	costAfterCaps     = costCapital + 1                       // a lower case letter after several of upper case
	costShort         = costAfterCaps + 1                     // an upper case letter after a very short word, in addition
	costDigits        = costShort + 1                         // a digit after others; + its place in a group of three
	costConsonants    = costDigits + 4                        // a lower case letter; + how many consonants there are in a row
	costCapConsonants = costConsonants + maxConsonants + 1    // the same of upper case
	costNewline       = costCapConsonants + maxConsonants + 1 // the end of a line; + the kind before it
	costTab           = costNewline + cost(kinds)             // a tab, likewise
	costSpace         = costTab + cost(kinds)                 // a space, likewise
	costLower         = costSpace + cost(kinds)               // the beginning of a word in lower case, likewise
	costUpper         = costLower + cost(kinds)               // a letter in upper case, likewise
	costDigit         = costUpper + cost(kinds)               // the beginning of a number, likewise
	costPunct         = costDigit + cost(kinds)               // a punctuation mark, likewise
	costWord          = costPunct + cost(kinds)               // a letter in a word; + its place
	costCaps          = costWord + maxWord + 1                // a letter in upper case after others; + its place
	costMark          = costCaps + maxCaps + 1                // a first punctuation mark, in addition; + which one
	costSecond        = costMark + marks                      // a second one; + which one
	costThird         = costSecond + marks                    // a later one; + which one
	costRepeat        = costThird + marks                     // the same as before; + 4 times which one, and how often
	costLatin         = costRepeat + 4*marks                  // a letter that is not ASCII, in addition; + its script
	costScript        = costLatin + cost(combining) + 1       // any other character; + scriptCosts times its script
	allCosts          = costScript + scriptCosts*cost(scripts)

	marks       = cost(classPunct-classDot) + 1
	scriptCosts = 4 // the first of a run, after a space and after anything else; the second; a later one
)

// costs are in thousandths of a token. They are a fit by least squares, without negative costs, to counts that
// github.com/tiktoken-go/tokenizer v0.10.0 made with OpenAI's o200k_base of 226 kinds of text: 130 languages, source code of 20
// kinds, prose, tables, logs, hexadecimals and the like. Frequent languages and source code weigh most. The sum is what counts:
// a single cost may seem odd, as where a letter is paid for with the one after it. What occurs in none of the texts has a guess.
var costs = [allCosts]uint32{
	costInvalid: 700, 856, 802, 0, 0, 0, 311, 719, 0, 1308, 1051, 0, 820, 0, 215,
	costConsonants: 162, 0, 0, 0, 582,
	costCapConsonants: 127, 0, 189, 332, 1324,
	costNewline: 829, 800, 1198, 883, 0, 814, 1550, 1350, 981, 0, 0, 485, 1903, 800,
	costTab: 791, 800, 783, 791, 786, 800, 673, 838, 957, 1007, 817, 763, 793, 800,
	costSpace: 0, 0, 0, 0, 0, 0, 393, 41, 603, 309, 0, 81, 0, 0,
	costLower: 643, 700, 279, 603, 913, 267, 700, 700, 785, 459, 712, 82, 1049, 700,
	costUpper: 1017, 698, 694, 693, 2078, 1166, 265, 700, 758, 504, 1155, 499, 451, 700,
	costDigit: 1012, 1000, 1560, 1252, 1149, 927, 1282, 1265, 1000, 1220, 766, 852, 1040, 1000,
	costPunct: 453, 360, 555, 962, 259, 816, 242, 322, 401, 500, 500, 500, 846, 500,
	costWord: 0, 0, 0, 0, 0, 0, 0, 0, 291, 79, 218,
	costCaps: 0, 0, 0, 263, 0, 0,
	costMark: 0, 702, 663, 76, 113, 100, 42, 100, 683, 906, 386, 486, 271,
	costSecond: 0, 0, 792, 332, 515, 598, 408, 649, 0, 609, 0, 0, 995,
	costThird: 473, 207, 958, 894, 245, 756, 924, 806, 126, 1117, 1535, 530, 294,
	costRepeat: 0, 11, 344, 40,
	0, 210, 101, 100,
	0, 0, 0, 0,
	0, 330, 98, 78,
	0, 117, 167, 100,
	0, 0, 1, 86,
	0, 243, 23, 103,
	0, 85, 0, 47,
	0, 0, 17, 63,
	0, 0, 131, 101,
	0, 0, 0, 17,
	0, 460, 106, 100,
	0, 200, 100, 100,
	costLatin: 0, 980, 856, 0, 1817, 300, 224,
	costScript + scriptCosts*cost(symbolSupplement): 123, 754, 1, 623,
	costScript + scriptCosts*cost(greek): 357, 858, 136, 562,
	costScript + scriptCosts*cost(greekExtended): 600, 600, 600, 600,
	costScript + scriptCosts*cost(cyrillic): 0, 1044, 1510, 120,
	costScript + scriptCosts*cost(cyrillicRare): 0, 0, 273, 728,
	costScript + scriptCosts*cost(armenian): 457, 389, 355, 350,
	costScript + scriptCosts*cost(hebrew): 289, 626, 1046, 284,
	costScript + scriptCosts*cost(arabic): 571, 0, 0, 572,
	costScript + scriptCosts*cost(otherTwo): 600, 600, 600, 600,
	costScript + scriptCosts*cost(devanagari): 273, 715, 424, 600,
	costScript + scriptCosts*cost(bengali): 472, 984, 382, 600,
	costScript + scriptCosts*cost(gurmukhi): 651, 624, 665, 600,
	costScript + scriptCosts*cost(gujarati): 148, 656, 523, 600,
	costScript + scriptCosts*cost(oriya): 780, 615, 1258, 600,
	costScript + scriptCosts*cost(tamil): 481, 711, 348, 600,
	costScript + scriptCosts*cost(telugu): 570, 636, 501, 600,
	costScript + scriptCosts*cost(kannada): 398, 724, 430, 600,
	costScript + scriptCosts*cost(malayalam): 646, 756, 369, 600,
	costScript + scriptCosts*cost(sinhala): 663, 571, 637, 600,
	costScript + scriptCosts*cost(thai): 574, 971, 406, 600,
	costScript + scriptCosts*cost(lao): 600, 600, 600, 600,
	costScript + scriptCosts*cost(tibetan): 666, 634, 1713, 600,
	costScript + scriptCosts*cost(myanmar): 624, 620, 570, 600,
	costScript + scriptCosts*cost(georgian): 553, 550, 347, 600,
	costScript + scriptCosts*cost(jamo): 600, 600, 600, 600,
	costScript + scriptCosts*cost(ethiopic): 600, 600, 600, 600,
	costScript + scriptCosts*cost(khmer): 507, 621, 603, 600,
	costScript + scriptCosts*cost(mongolian): 600, 600, 600, 600,
	costScript + scriptCosts*cost(generalPunct): 995, 0, 321, 600,
	costScript + scriptCosts*cost(subscripts): 601, 600, 600, 600,
	costScript + scriptCosts*cost(letterlike): 801, 600, 600, 600,
	costScript + scriptCosts*cost(arrows): 895, 608, 600, 600,
	costScript + scriptCosts*cost(mathSigns): 2519, 1164, 600, 600,
	costScript + scriptCosts*cost(technical): 600, 601, 600, 600,
	costScript + scriptCosts*cost(boxes): 600, 609, 414, 600,
	costScript + scriptCosts*cost(shapes): 602, 588, 0, 600,
	costScript + scriptCosts*cost(kanaOrPunct): 394, 850, 913, 600,
	costScript + scriptCosts*cost(kana): 612, 513, 489, 600,
	costScript + scriptCosts*cost(rareHan): 600, 600, 600, 600,
	costScript + scriptCosts*cost(han): 822, 698, 578, 993,
	costScript + scriptCosts*cost(hangul): 597, 664, 967, 1050,
	costScript + scriptCosts*cost(fullWidth): 599, 356, 1293, 600,
	costScript + scriptCosts*cost(variation): 600, 599, 118, 600,
	costScript + scriptCosts*cost(emoji): 1018, 600, 2267, 600,
	costScript + scriptCosts*cost(otherFour): 1696, 755, 4685, 600,
	costScript + scriptCosts*cost(otherThree): 652, 814, 940, 600,
}
