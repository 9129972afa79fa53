package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
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
	case *price.Pico:
		*v = 7 * price.USD
		return *v
	case *CacheMode:
		*v = CacheAuto
		return *v
	case *CacheTiming:
		*v = CacheBefore
		return *v
	case *CacheWrites:
		*v = WritesAuto
		return *v
	case *Class:
		*v = ClassBatch
		return *v
	case *Period:
		*v = EveryWeek
		return *v
	case *int64:
		*v = 7
		return *v
	case *string:
		*v = "seven"
		return *v
	case *[]string:
		*v = []string{"model"}
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
	for _, name := range fieldsOf(fields) {
		r := rows[name]
		delete(rows, name)
		if name == "Limits" || name == "Budgets" || name == "Rules" {
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

// fieldsOf returns the names of a struct's fields, with those of its Cache in place of it: "Cache.Mode".
func fieldsOf(s reflect.Type) (names []string) {
	for i := range s.NumField() {
		f := s.Field(i)
		if f.Type != reflect.TypeFor[Cache]() {
			names = append(names, f.Name)
			continue
		}
		for _, name := range fieldsOf(f.Type) {
			names = append(names, f.Name+"."+name)
		}
	}
	return names
}

// field returns a field by its name: "MaxWait", "Cache.Mode". It is not valid if there is none.
func field(s reflect.Value, name string) reflect.Value {
	outer, inner, nested := strings.Cut(name, ".")
	if s = s.FieldByName(outer); nested && s.IsValid() {
		return field(s, inner)
	}
	return s
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
	if !r.value.isSet(&p) || field(reflect.ValueOf(p), name).Interface() != want {
		t.Errorf("the row of %s is of another field", name)
	}
	if field(reflect.ValueOf(&p).Elem(), name).SetZero(); !reflect.DeepEqual(p, Policy{}) {
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
	to := field(reflect.ValueOf(&s).Elem(), name)
	if !to.IsValid() {
		if !reflect.DeepEqual(s, Settings{}) {
			t.Errorf("%s is settled in a field of another name", name)
		}
		return
	}
	if to.Interface() != want {
		t.Errorf("Settings.%s is %v, want %v", name, to, want)
	}
	if to.SetZero(); !reflect.DeepEqual(s, Settings{}) {
		t.Errorf("the row of %s settles other fields", name)
	}
}

func TestTableSaysAll(t *testing.T) {
	keys := make(map[string]bool)
	for i := range table {
		r := &table[i]
		k := r.key
		if k.Name == "" || k.Example == "" || k.Doc == "" {
			t.Errorf("%s: the key lacks something: %+v", k.Field, k)
		}
		if keys[k.Name] {
			t.Errorf("two keys %s: a misplaced key would have two homes", k.Name)
		}
		keys[k.Name] = true
		if r.part == 0 || r.part&^allParts != 0 {
			t.Errorf("%s: want at least one part, got %b", k.Field, r.part)
		}
		if _, count := r.value.at(&Policy{}).(*int); count && (r.key.most == 0 || r.value.defaults() == "") {
			t.Errorf("%s: a count needs a largest value, and a default that 0 stands for", k.Field)
		}
	}
}

// The comment of each field states the default that the table has.
func TestDefaultsAreStated(t *testing.T) {
	comments := make(map[string]string)
	fieldComments(t, comments, "policy.go", "Policy", "")
	fieldComments(t, comments, "cache.go", "Cache", "Cache.")
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

// fieldComments adds the comments of a struct's fields, by prefix and name.
func fieldComments(t *testing.T, comments map[string]string, name, of, prefix string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != of {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			for _, name := range f.Names {
				comments[prefix+name.Name] = strings.ReplaceAll(f.Doc.Text(), "\n", " ")
			}
		}
		return false
	})
}
