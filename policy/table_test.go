package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
	"time"
)

// one sets the field that a key's At returns to a value that is not zero, and returns the value.
func one(t *testing.T, at any) any {
	t.Helper()
	switch v := at.(type) {
	case *time.Duration:
		*v = 7 * time.Second
		return *v
	case *int:
		*v = 7
		return *v
	case *bool:
		*v = true
		return *v
	case *Tier:
		*v = Priority
		return *v
	}
	t.Fatalf("a setting of type %T", at)
	return nil
}

// Every field of a Policy and of Settings has one row, which reads and writes that field and no other.
func TestTableIsWhole(t *testing.T) {
	rows := make(map[string]*row)
	for i := range table {
		r := &table[i]
		if rows[r.key.Field] != nil {
			t.Errorf("two rows for %s", r.key.Field)
		}
		rows[r.key.Field] = r
	}
	fields := reflect.TypeFor[Policy]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		r := rows[name]
		delete(rows, name)
		if name == "Limits" || name == "Rules" {
			continue
		}
		if r == nil {
			t.Errorf("no row for Policy.%s", name)
			continue
		}
		checkRow(t, r)
	}
	for name := range rows {
		t.Errorf("a row for %s, which Policy does not have", name)
	}
	settled := reflect.TypeFor[Settings]()
	for i := range settled.NumField() {
		name := settled.Field(i).Name
		if _, ok := fields.FieldByName(name); !ok && name != "Plan" && name != "TakesTier" && name != "Unasked" {
			t.Errorf("Settings.%s is no field of Policy", name)
		}
	}
}

// checkRow checks that a row reads and writes the fields that have its name, and no others.
func checkRow(t *testing.T, r *row) {
	t.Helper()
	name := r.key.Field
	var p Policy
	if r.value.isSet(&p) {
		t.Errorf("%s is set in the zero Policy", name)
	}
	want := one(t, r.value.at(&p))
	if !r.value.isSet(&p) || reflect.ValueOf(p).FieldByName(name).Interface() != want {
		t.Errorf("the row of %s is of another field", name)
	}
	if reflect.ValueOf(&p).Elem().FieldByName(name).SetZero(); !reflect.DeepEqual(p, Policy{}) {
		t.Errorf("the row of %s writes other fields", name)
	}
	one(t, r.value.at(&p))

	var heir Policy
	if r.value.inherit(&heir, &p); !reflect.DeepEqual(heir, p) {
		t.Errorf("%s is not inherited", name)
	}
	if r.value.inherit(&heir, &Policy{}); !reflect.DeepEqual(heir, p) {
		t.Errorf("%s is lost to a policy without it", name)
	}

	var s Settings
	r.value.settle(&s, &p, false)
	field := reflect.ValueOf(&s).Elem().FieldByName(name)
	if !field.IsValid() {
		if !reflect.DeepEqual(s, Settings{}) {
			t.Errorf("%s is settled in a field of another name", name)
		}
		return
	}
	if field.Interface() != want {
		t.Errorf("Settings.%s is %v, want %v", name, field, want)
	}
	if field.SetZero(); !reflect.DeepEqual(s, Settings{}) {
		t.Errorf("the row of %s settles other fields", name)
	}
}

func TestTableSaysAll(t *testing.T) {
	keys := make(map[string]bool)
	for i := range table {
		r := &table[i]
		k := r.key
		if k.Section == "" || k.Name == "" || k.Example == "" || k.Doc == "" {
			t.Errorf("%s: the key lacks something: %+v", k.Field, k)
		}
		if keys[k.Name] {
			t.Errorf("two keys %s: a misplaced key would have two homes", k.Name)
		}
		keys[k.Name] = true
		if r.part == 0 || r.part&^allParts != 0 {
			t.Errorf("%s: want at least one part, got %b", k.Field, r.part)
		}
		if _, count := r.value.at(&Policy{}).(*int); count && (r.most == 0 || r.value.defaults() == "") {
			t.Errorf("%s: a count needs a largest value, and a default that 0 stands for", k.Field)
		}
	}
}

// The comment of each field states the default that the table has.
func TestDefaultsAreStated(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "policy.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Policy" {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			for _, name := range f.Names {
				comments[name.Name] = strings.ReplaceAll(f.Doc.Text(), "\n", " ")
			}
		}
		return false
	})
	for i := range table {
		r := &table[i]
		_, stated, ok := strings.Cut(comments[r.key.Field], "Default: ")
		want, has := strings.CutPrefix(r.value.defaults(), "the default, ")
		rest, same := strings.CutPrefix(stated, want)
		if ok != has || !same || has && !strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, ";") {
			t.Errorf("the comment of %s has to state its default, %q: %s", r.key.Field, want, comments[r.key.Field])
		}
	}
}
