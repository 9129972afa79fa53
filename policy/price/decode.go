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

// The standard decoder accepts two fields of one name, "From" for "from", and null for anything. In a catalog that was
// edited by hand these are mistakes that change prices. This file therefore reads objects field by field, and refuses them.

var (
	errMissing  = errors.New("is missing")
	errRepeated = errors.New("is there twice")
)

// inField adds the name of the field to err. It returns nil if err is nil.
func inField(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// object reads a JSON object that has only known fields.
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

// eachField calls f for each field of a JSON object, in order, until f fails. A repeated field is an error. An error of the
// object itself has the name of the object, if that is not empty.
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

// atEnd reads the closing bracket. Nothing may follow it.
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

// parseText reads a JSON string. If the field is missing, s stays as it was.
func parseText(raw []byte, s *string) error {
	if raw == nil {
		return nil
	}
	if raw[0] != '"' {
		return notJSON("a string", nil)
	}
	return json.Unmarshal(raw, s)
}

// parseTokens reads a JSON number that counts tokens. If the field is missing, n stays as it was.
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

// named is [inField] for a name that may be empty.
func named(name string, err error) error {
	if name == "" {
		return err
	}
	return inField(name, err)
}

// notJSON returns an error that says what was wanted, and the decoder's own error if there is one.
func notJSON(wanted string, err error) error {
	if err == nil {
		return fmt.Errorf("want %s", wanted)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("want %s: %w", wanted, err)
}
