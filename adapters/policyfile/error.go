package policyfile

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// maxErrors is how many errors of a file are reported.
const maxErrors = 10

// An Error is a mistake in a policy file.
type Error struct {
	File    string
	Line    int    // counted from 1
	Column  int    // counted from 1, in characters
	Field   string // "rules[2].tier.patience"; empty if the mistake is in the form of the YAML
	Problem string
}

// Error returns "file:line:column: field: problem".
func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.File, e.Line, e.Column, e.Field, e.Problem)
}

// syntaxError returns an error of the YAML library as an Error with its place.
func syntaxError(err error) *Error {
	var syntax interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &syntax) {
		return place{1, 1}.errorf("", "the YAML parser gave up on this text")
	}
	return placeOf(syntax.GetToken()).errorf("", "%s", syntax.GetMessage())
}

// A place is a line and a column, both from 1.
type place struct{ line, column int }

func (p place) errorf(field, format string, args ...any) *Error {
	return &Error{Line: p.line, Column: p.column, Field: field, Problem: fmt.Sprintf(format, args...)}
}

// placeOf returns where a token is; the start of the file if the token does not say.
func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// placeOfNode returns where a value begins: a mapping in block style at its first key.
func placeOfNode(n ast.Node) place {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return placeOfNode(n.Values[0])
		}
	case *ast.MappingValueNode:
		return placeOf(n.Key.GetToken())
	}
	return placeOf(n.GetToken())
}

// placeAt returns the place of a byte of text.
func placeAt(text []byte, offset int) place {
	before := bytes.ReplaceAll(text[:offset], []byte("\r\n"), []byte("\n"))
	before = bytes.ReplaceAll(before, []byte("\r"), []byte("\n"))
	last := bytes.LastIndexByte(before, '\n')
	return place{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[last+1:]) + 1}
}
