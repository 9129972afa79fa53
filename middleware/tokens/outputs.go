package tokens

import "math/bits"

// Outputs count answers by how much output they had, in four classes for each power of two. The zero outputs have two answers
// of startOutput tokens, so that a few short answers at first are not taken for the rule.
type outputs struct {
	classes [outputClasses]uint8
	total   uint8
}

const (
	startOutput  = 1000
	startAnswers = 2
	maxAnswers   = 250 // then all counts are halved, so that what is old counts less

	outputClasses = 4 * 24 // up to 2^24 tokens and more
)

// classOfOutput returns the class of an output.
func classOfOutput(n int64) int {
	if n < 4 {
		return int(max(n, 0))
	}
	power := bits.Len64(uint64(n)) - 1               // the output is at least 2^power
	quarter := int(n>>(power-2)) & 3                 // of what is between that and the next power
	return min(4*(power-1)+quarter, outputClasses-1) // 4 to 7 are the classes of 4 to 7 tokens
}

// mostOfClass returns the largest output of a class.
func mostOfClass(class int) int64 {
	if class < 4 {
		return int64(class)
	}
	power, quarter := class/4+1, int64(class%4)
	return (5+quarter)<<(power-2) - 1
}

// add adds an answer.
func (o *outputs) add(n int64) {
	if o.total == maxAnswers {
		o.total = 0
		for i := range o.classes {
			o.classes[i] /= 2
			o.total += o.classes[i]
		}
	}
	o.classes[classOfOutput(n)]++
	o.total++
}

// most returns an output that nine of ten answers stay within: the largest of a class, which is at most a quarter more than
// the least of it.
func (o *outputs) most() int64 {
	above := (int(o.total) + startAnswers) / 10 // how many answers may have more
	if int(o.total) == 0 {
		return startOutput
	}
	start := classOfOutput(startOutput)
	for class := outputClasses - 1; class >= 0; class-- {
		n := int(o.classes[class])
		if class == start {
			n += startAnswers
		}
		if above -= n; above < 0 {
			if class == start && o.classes[class] == 0 {
				return startOutput
			}
			return mostOfClass(class)
		}
	}
	return 0
}
