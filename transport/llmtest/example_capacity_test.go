package llmtest_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleSchedule() {
	room := llmtest.Schedule("x.xx.")
	for n := range 7 {
		fmt.Print(room.Available(n), " ")
	}
	// Output:
	// false true false false true false true
}

func ExampleRefuse() {
	room := llmtest.Refuse(1)
	fmt.Println(room.Available(0), room.Available(1))
	// Output:
	// false true
}

func ExampleProbability() {
	room, rejected := llmtest.Probability(30, 42), 0
	for n := range 1000 {
		if !room.Available(n) {
			rejected++
		}
	}
	fmt.Println(rejected > 250 && rejected < 350)
	// Output:
	// true
}

// The first 99 flex requests get no capacity.
func ExampleCapacityFunc() {
	var capacity llmtest.Capacity = llmtest.CapacityFunc(func(n int) bool { return n >= 99 })
	fmt.Println(capacity.Available(0), capacity.Available(99))
	// Output:
	// false true
}
