package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// opticks is where a Go installation has the text.
const opticks = "src/testdata/Isaac.Newton-Opticks.txt"

// readBook returns the text of a file; that of Opticks if the path is "".
func readBook(ctx context.Context, path string) (string, error) {
	hint := ""
	if path == "" {
		root, err := goroot(ctx)
		if err != nil {
			return "", fmt.Errorf("cannot find Opticks: %w; name another text by -text", err)
		}
		path = filepath.Join(root, filepath.FromSlash(opticks))
		hint = "; some packages of Go leave it out: name another text by -text"
	}
	text, err := os.ReadFile(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("the text: %w%s", err, hint)
	case len(text) == 0:
		return "", fmt.Errorf("the text: %s is empty", path)
	case !utf8.Valid(text):
		return "", fmt.Errorf("the text: %s is not UTF-8", path)
	}
	return string(text), nil
}

// goroot returns the folder of the Go installation.
func goroot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
