package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
)

// Machine is the line of a table about the machine that made it.
func Machine() string {
	return fmt.Sprintf("%s %s/%s, %d CPUs", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// Round rounds to three decimals, as -json prints.
func Round(x float64) float64 { return math.Round(x*1000) / 1000 }

// Short prints a number with as many decimals as its size calls for.
func Short(x float64) string {
	switch {
	case x < 1:
		return fmt.Sprintf("%.3f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// WriteJSON writes one object, for a program to read.
func WriteJSON(out io.Writer, object any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(object)
}

// Align writes the lines as a table that is readable as text and as Markdown. The second line has the alignment of each
// column.
func Align(b *strings.Builder, lines [][]string) {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			right := lines[1][i] == "-:"
			fill := strings.Repeat(" ", width[i]-len([]rune(cell)))
			switch {
			case n == 1 && right:
				cell = strings.Repeat("-", width[i]-1) + ":"
			case n == 1:
				cell = ":" + strings.Repeat("-", width[i]-1)
			case right:
				cell = fill + cell
			default:
				cell += fill
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
}
