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

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const (
	maxSize   = 1 << 20 // of a file, in bytes
	maxTokens = 50_000  // of YAML in a file; the parser's time grows with the square of their number
)

// An Option says what a policy file may name.
type Option func(*wire.RouterConfig)

// Dialects lets rules and limits name the providers and the operations of a program's own dialects: those that it gives to
// middleware.WithDialects. If one of them is no [wire.Lister], its names are not known, and no name is an error; the stack
// then logs the names that it does not know.
func Dialects(d ...wire.Dialect) Option {
	return func(c *wire.RouterConfig) { c.Dialects = append(c.Dialects, d...) }
}

// Load reads the policy file at path. Its error is that of reading the file, or of [Parse].
func Load(path string, options ...Option) (policy.Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return policy.Policy{}, fmt.Errorf("policyfile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return policy.Policy{}, fmt.Errorf("policyfile: %w", err)
	}
	return Parse(path, text, options...)
}

// Parse reads the text of a policy file, which is called name in errors. The policy that it returns is valid: see
// [policy.Policy.Validate]. Its rules and limits name providers and operations that exist: those of package wire, and those
// that the options add. The error is an [*Error], or several that [errors.Join] has joined in the order of the file: at most
// the first 10. A text without content is an error, as a file that is being written may have none.
func Parse(name string, text []byte, options ...Option) (policy.Policy, error) {
	var c wire.RouterConfig
	for _, option := range options {
		if option != nil {
			option(&c)
		}
	}
	router, err := wire.NewRouter(c)
	if err != nil {
		return policy.Policy{}, fmt.Errorf("policyfile: %w", err)
	}
	known, whole := router.Known()
	if !whole {
		known = nil
	}
	p, errs := parse(text, known)
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

func parse(text []byte, known []policy.Known) (p policy.Policy, errs []*Error) {
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
	r := &reader{places: make(map[string]*setting), known: known}
	empty := true
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			r.fail(placeOf(doc.Body.GetToken()), "", "a second document; a policy file has one")
		default:
			empty = false
			r.file(doc.Body)
		}
	}
	if empty && len(r.errs) == 0 {
		r.fail(place{1, 1}, "", "the file says nothing; for a policy of defaults, write defaults: {}")
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
