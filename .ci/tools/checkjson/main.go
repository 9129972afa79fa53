// Checkjson reads one JSON object and holds its figures to conditions.
//
//	go run ./examples/quickstart -json | checkjson 'double_billed == 0' 'ledger_usd == meter_usd'
//
// A condition is a field, one of == != < <= > >=, and a field or a number. Numbers are compared exactly. A field whose
// name ends in _usd is money: a string that holds a plain decimal. Every other is a JSON number.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"regexp"
	"strings"
)

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

func main() {
	if err := run(os.Stdin, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "checkjson:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, conditions []string) error {
	if len(conditions) == 0 {
		return errors.New("no conditions")
	}
	object, err := read(in)
	if err != nil {
		return err
	}
	var all []error
	for _, c := range conditions {
		all = append(all, check(object, c))
	}
	return errors.Join(all...)
}

// read reads one object and the end of the input.
func read(in io.Reader) (map[string]any, error) {
	d := json.NewDecoder(in)
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, errors.New("null is no object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	return object, nil
}

func check(object map[string]any, condition string) error {
	words := strings.Fields(condition)
	if len(words) != 3 {
		return fmt.Errorf("%q: want a field, an operator, and a field or a number", condition)
	}
	left, err := field(object, words[0])
	if err != nil {
		return fmt.Errorf("%q: %w", condition, err)
	}
	right, ok := number(words[2])
	if !ok {
		if right, err = field(object, words[2]); err != nil {
			return fmt.Errorf("%q: %w", condition, err)
		}
	}
	holds, err := compare(left.Cmp(right), words[1])
	if err != nil {
		return fmt.Errorf("%q: %w", condition, err)
	}
	if !holds {
		return fmt.Errorf("%q does not hold: %v, %v", condition, object[words[0]], show(object, words[2]))
	}
	return nil
}

func compare(sign int, operator string) (bool, error) {
	switch operator {
	case "==":
		return sign == 0, nil
	case "!=":
		return sign != 0, nil
	case "<":
		return sign < 0, nil
	case "<=":
		return sign <= 0, nil
	case ">":
		return sign > 0, nil
	case ">=":
		return sign >= 0, nil
	}
	return false, fmt.Errorf("no operator %s", operator)
}

func field(object map[string]any, name string) (*big.Rat, error) {
	v, ok := object[name]
	if !ok {
		return nil, fmt.Errorf("there is no field %s", name)
	}
	var text string
	if strings.HasSuffix(name, "_usd") {
		if text, ok = v.(string); !ok {
			return nil, fmt.Errorf("%s is %v, want a string that holds a decimal", name, v)
		}
	} else {
		n, ok := v.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s is %v, want a number", name, v)
		}
		text = n.String()
	}
	r, ok := number(text)
	if !ok {
		return nil, fmt.Errorf("%s is %q, want a plain decimal", name, text)
	}
	return r, nil
}

func number(s string) (*big.Rat, bool) {
	if !decimal.MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func show(object map[string]any, word string) any {
	if v, ok := object[word]; ok {
		return v
	}
	return word
}
