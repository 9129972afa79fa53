package price

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The standard decoder takes the last of two fields with one name, takes "From" for "from" and lets null stand for
// anything. A catalog that was edited by hand should not get away with that, so objects are read field by field here.

var (
	errMissing  = errors.New("is missing")
	errRepeated = errors.New("is there twice")
)

// inField says in which field err happened. It passes nil on.
func inField(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// object reads a JSON object that has no other fields than the known ones.
func object(raw []byte, known ...string) (map[string][]byte, error) {
	fields := make(map[string][]byte, len(known))
	err := eachField(raw, "", func(name string, value []byte) error {
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown field %q; known are %s", name, strings.Join(known, ", "))
		}
		fields[name] = value
		return nil
	})
	return fields, err
}

// eachField calls f for each field of a JSON object, in order, until f fails. A field that is there twice is an error.
// What is wrong with the object itself is reported under its name, if it has one.
func eachField(raw []byte, name string, f func(name string, value []byte) error) error {
	if raw == nil {
		return named(name, errMissing)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return named(name, notJSON("an object", err))
	}
	seen := make(map[string]bool)
	for d.More() {
		key, value, err := nextField(d)
		switch {
		case err != nil:
			return named(name, err)
		case seen[key]:
			return named(name, inField(key, errRepeated))
		}
		seen[key] = true
		if err := f(key, value); err != nil {
			return err
		}
	}
	return named(name, atEnd(d))
}

// nextField reads one name and its value.
func nextField(d *json.Decoder) (string, []byte, error) {
	token, err := d.Token()
	if err != nil {
		return "", nil, notJSON("a field", err)
	}
	key, _ := token.(string)
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return "", nil, inField(key, notJSON("a value", err))
	}
	return key, value, nil
}

// atEnd reads the closing bracket, after which nothing may follow.
func atEnd(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return notJSON("the end of the object", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows after the end")
	}
	return nil
}

// array reads a JSON array that is not empty.
func array(raw []byte) ([]json.RawMessage, error) {
	var list []json.RawMessage
	switch {
	case raw == nil:
		return nil, errMissing
	case raw[0] != '[':
		return nil, notJSON("a list", nil)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, notJSON("a list", err)
	}
	if len(list) == 0 {
		return nil, errors.New("is empty")
	}
	return list, nil
}

// parseText reads a JSON string; one that is missing stays empty.
func parseText(raw []byte, s *string) error {
	if raw == nil {
		return nil
	}
	if raw[0] != '"' {
		return notJSON("a string", nil)
	}
	return json.Unmarshal(raw, s)
}

// parseTokens reads a JSON number that counts tokens; one that is missing stays as it was.
func parseTokens(raw []byte, n *int64) error {
	if raw == nil {
		return nil
	}
	var count int64
	err := json.Unmarshal(raw, &count)
	if err != nil || raw[0] == 'n' || count < 0 {
		return fmt.Errorf("%.64s is not a number of tokens", raw)
	}
	*n = count
	return nil
}

// named is [inField] where there is a name.
func named(name string, err error) error {
	if name == "" {
		return err
	}
	return inField(name, err)
}

// notJSON says what was wanted, and what the decoder said, if it said anything.
func notJSON(wanted string, err error) error {
	if err == nil {
		return fmt.Errorf("want %s", wanted)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("want %s: %w", wanted, err)
}
