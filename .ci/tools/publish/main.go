// Publish makes the files of a module proxy from a source tree: the core and every module under adapters/, each at the
// version that the tree's other modules require of it.
//
//	publish -core github.com/skinflint-go/skinflint -out DIR TREE
//
// GOPROXY=file://DIR then serves them. It prints the path and the version of each.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	core := flag.String("core", "", "module `path` of the core")
	out := flag.String("out", "", "`folder` to publish to")
	flag.Parse()
	if *core == "" || *out == "" || flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*core, *out, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func run(core, out, tree string) error {
	house, err := read(tree)
	if err != nil {
		return err
	}
	versions, err := required(core, house)
	if err != nil {
		return err
	}
	for _, m := range house {
		path := m.file.Module.Mod.Path
		if path != core && !strings.HasPrefix(path, core+"/adapters/") {
			continue
		}
		if err := m.fit(core, tree); err != nil {
			return err
		}
		version := versions[path]
		if version == "" {
			version = versions[core] // an adapter that no module of ours needs yet
		}
		if err := m.publish(out, version); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Println(path, version)
	}
	return nil
}

// mod is a module of the tree.
type mod struct {
	dir  string
	data []byte
	file *modfile.File
}

// read finds the modules of a tree. The go command does not look into folders that start with a dot or an underscore,
// nor into testdata.
func read(tree string) ([]mod, error) {
	var house []mod
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != tree && (name[0] == '.' || name[0] == '_' || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || d.Name() != "go.mod" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := modfile.Parse(path, data, nil)
		if err != nil {
			return err
		}
		if file.Module == nil {
			return fmt.Errorf("%s names no module", path)
		}
		house = append(house, mod{dir: filepath.Dir(path), data: data, file: file})
		return nil
	})
	slices.SortFunc(house, func(a, b mod) int { return strings.Compare(a.file.Module.Mod.Path, b.file.Module.Mod.Path) })
	return house, err
}

// required returns the version that the modules of the tree require of each other. Two that differ are an error:
// only one tree is published.
func required(core string, house []mod) (map[string]string, error) {
	versions := make(map[string]string)
	for _, m := range house {
		for _, r := range m.file.Require {
			path, version := r.Mod.Path, r.Mod.Version
			if !ours(core, path) {
				continue
			}
			if was, ok := versions[path]; ok && was != version {
				return nil, fmt.Errorf("%s requires %s %s, another module %s", m.file.Module.Mod.Path, path, version, was)
			}
			versions[path] = version
		}
	}
	if versions[core] == "" {
		return nil, fmt.Errorf("no module requires %s", core)
	}
	return versions, nil
}

func ours(core, path string) bool { return path == core || strings.HasPrefix(path, core+"/") }

// fit reports what makes a module another one for its consumers than it is in the tree.
func (m *mod) fit(core, tree string) error {
	path := m.file.Module.Mod.Path
	rel, err := filepath.Rel(tree, m.dir)
	if err != nil {
		return err
	}
	want := core
	if rel != "." {
		want += "/" + filepath.ToSlash(rel)
	}
	var all []error
	if path != want {
		all = append(all, fmt.Errorf("module %s lies in %s, consumers look for %s there", path, rel, want))
	}
	for _, r := range m.file.Replace {
		if !ours(core, r.Old.Path) {
			all = append(all, fmt.Errorf("%s replaces %s, consumers would not", path, r.Old.Path))
		}
	}
	if len(m.file.Exclude) > 0 {
		all = append(all, fmt.Errorf("%s excludes versions, consumers would not", path))
	}
	return errors.Join(all...)
}

func (m *mod) publish(out, version string) error {
	id := module.Version{Path: m.file.Module.Mod.Path, Version: version}
	escaped, err := module.EscapePath(id.Path)
	if err != nil {
		return err
	}
	dir := filepath.Join(out, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{version, time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": info,
		version + ".mod":  m.data,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		return err
	}
	if err := zip.CreateFromDir(f, id, m.dir); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
