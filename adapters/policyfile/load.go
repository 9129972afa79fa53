package policyfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/skinflint-go/skinflint/policy"
)

const (
	maxSize   = 1 << 20 // of a file, in bytes
	maxTokens = 50_000  // of YAML in a file; the parser's time grows with the square of their number
	maxErrors = 10      // of a file that are reported
)

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

// Load reads the policy file at path. Its error is that of reading the file, or of [Parse].
func Load(path string) (policy.Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return policy.Policy{}, fmt.Errorf("policyfile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return policy.Policy{}, fmt.Errorf("policyfile: %w", err)
	}
	return Parse(path, text)
}

// Parse reads the text of a policy file, which is called name in errors. The policy that it returns is valid: see
// [policy.Policy.Validate]. The error is an [*Error], or several that [errors.Join] has joined in the order of the
// file: at most the first 10.
func Parse(name string, text []byte) (policy.Policy, error) {
	p, errs := parse(text)
	if len(errs) == 0 {
		return p, nil
	}
	slices.SortStableFunc(errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs = errs[:min(len(errs), maxErrors)]
	joined := make([]error, len(errs))
	for i, e := range errs {
		e.File = name
		joined[i] = e
	}
	if len(joined) == 1 {
		return policy.Policy{}, joined[0]
	}
	return policy.Policy{}, errors.Join(joined...)
}

func parse(text []byte) (p policy.Policy, errs []*Error) {
	// A bug in the YAML library must not end a program that reads its configuration.
	defer func() {
		if recover() != nil {
			p, errs = policy.Policy{}, []*Error{{Line: 1, Column: 1, Problem: "the YAML parser failed on this text"}}
		}
	}()
	if err := checkText(text); err != nil {
		return p, []*Error{err}
	}
	clean := string(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err := checkForm(clean); err != nil {
		return p, []*Error{err}
	}
	tokens := lexer.Tokenize(clean)
	if len(tokens) > maxTokens {
		at := placeOf(tokens[maxTokens])
		return p, []*Error{at.errorf("", "this is more than a policy file holds: at most %d words and signs", maxTokens)}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return p, []*Error{syntaxError(err)}
	}
	r := &reader{places: make(map[string]*setting)}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			r.fail(placeOf(doc.Body.GetToken()), "", "a second document; a policy file has one")
		default:
			r.file(doc.Body)
		}
	}
	return r.policy, r.errs
}

// checkText refuses a text that is too long, not UTF-8, or has control characters.
func checkText(text []byte) *Error {
	if len(text) > maxSize {
		at := placeAt(text, maxSize)
		return at.errorf("", "the file is over %d bytes, the most that a policy file may have", maxSize)
	}
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			return placeAt(text, i).errorf("", "byte %#02x is not UTF-8", text[i])
		case unicode.IsControl(c) && c != '\t' && c != '\n' && c != '\r', c == '\u2028', c == '\u2029', c == '\ufeff' && i > 0:
			return placeAt(text, i).errorf("", "a control character, %U", c)
		}
		i += n
	}
	return nil
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
