// Checkdocs checks Markdown files against the tree that they stand in.
//
//	checkdocs README.md middleware/docs/faq.md
//
// A relative link must lead to a file or a folder, and its fragment to a heading. A block of Go must stand in a Go file of
// the tree, line by line, so that it compiles: indentation and empty lines may differ. It is run in the root of the tree.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(names []string) error {
	sources, err := readSources()
	if err != nil {
		return err
	}
	var all []error
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		d := parse(string(text))
		for _, l := range d.links {
			if err := l.check(name); err != nil {
				all = append(all, fmt.Errorf("%s:%d: %w", name, l.line, err))
			}
		}
		for _, b := range d.blocks {
			if !b.in(sources) {
				all = append(all, fmt.Errorf("%s:%d: this block of Go stands in no Go file of the tree", name, b.line))
			}
		}
	}
	return errors.Join(all...)
}

// A document is what is checked of a Markdown file.
type document struct {
	links    []link
	blocks   []block // of Go
	headings []string
}

// A link is the target of a link.
type link struct {
	target string
	line   int
}

// A block is a fenced block of code.
type block struct {
	code []string
	line int // of its first line
}

var (
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeSpan   = regexp.MustCompile("`[^`]*`")
)

// parse reads a Markdown file.
func parse(text string) document {
	var d document
	fence := "" // the language of the block that a line is in
	inside := false
	for i, line := range strings.Split(text, "\n") {
		language, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && inside:
			inside = false
		case isFence:
			inside, fence = true, language
			if fence == "go" {
				d.blocks = append(d.blocks, block{line: i + 2})
			}
		case inside && fence == "go":
			b := &d.blocks[len(d.blocks)-1]
			b.code = append(b.code, line)
		case inside:
		default:
			if title := strings.TrimLeft(line, "#"); title != line && strings.HasPrefix(title, " ") {
				d.headings = append(d.headings, fragmentOf(title))
			}
			for _, match := range linkTarget.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, "`"), -1) {
				d.links = append(d.links, link{match[1], i + 1})
			}
		}
	}
	return d
}

// fragmentOf returns the fragment by which GitHub links to a heading.
func fragmentOf(title string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(strings.TrimSpace(title)) {
		switch {
		case c == ' ':
			b.WriteByte('-')
		case c == '-', c == '_', '0' <= c && c <= '9', 'a' <= c && c <= 'z', c > 127:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// check checks a link in the named file. Links to other sites are not followed.
func (l link) check(name string) error {
	u, err := url.Parse(l.target)
	if err != nil {
		return err
	}
	if u.Scheme != "" || u.Host != "" {
		return nil
	}
	target := name
	if u.Path != "" {
		target = filepath.Join(filepath.Dir(name), filepath.FromSlash(u.Path))
	}
	if _, err := os.Stat(target); err != nil {
		return fmt.Errorf("the link %s leads to nothing", l.target)
	}
	if u.Fragment == "" || filepath.Ext(target) != ".md" {
		return nil
	}
	text, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	if !slices.Contains(parse(string(text)).headings, u.Fragment) {
		return fmt.Errorf("the link %s leads to no heading", l.target)
	}
	return nil
}

// in reports whether the block stands in one of the sources.
func (b block) in(sources []string) bool {
	code := squeezed(b.code)
	return slices.ContainsFunc(sources, func(source string) bool { return strings.Contains(source, code) })
}

// readSources reads all Go files of the tree.
func readSources() (sources []string, err error) {
	err = filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		sources = append(sources, squeezed(strings.Split(string(text), "\n")))
		return err
	})
	return sources, err
}

// squeezed returns lines of code without indentation and without empty lines, each between line feeds.
func squeezed(lines []string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
