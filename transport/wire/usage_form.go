package wire

import (
	"slices"
	"sync/atomic"

	"github.com/skinflint-go/skinflint/transport"
)

// A usageTable knows the names of the counts in a usage of OpenAI's shape. It also remembers the forms of usages that came
// before. The nil usageTable knows no names. It is safe for concurrent use.
type usageTable struct {
	names map[string]Count
	forms atomic.Pointer[[]usageForm] // of usages that were read; never written to
}

// A usageForm is everything in a usage except for the values of its members. A provider sends the same members each time, so
// most usages have a form that is known, and none of their names has to be looked up:
//
//	{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}
//	{"prompt_tokens": , "completion_tokens": ,"total_tokens":  }      its form
type usageForm struct {
	members []usageMember
	end     string // what follows the last value
}

// A usageMember is a member as [transport.Members] returns it.
type usageMember struct {
	before string // what stands between the value before and this one
	path   []byte
	count  Count
	object bool // its value is an object, whose members come next
}

// A form is only remembered up to these limits. Forms are never replaced, so a provider whose usages always differ costs no
// more than the comparison.
const (
	maxForms       = 4
	maxFormMembers = 64
	maxFormLength  = 2 << 10
)

// read calls take for each member of a raw usage.
func (t *usageTable) read(u *usage, raw []byte) {
	if t == nil {
		u.walk(raw, nil)
		return
	}
	var forms []usageForm
	if known := t.forms.Load(); known != nil {
		forms = *known
	}
	for i := range forms {
		if forms[i].read(u, raw) {
			return
		}
		*u = usage{}
	}
	u.walk(raw, t.names)
	if len(forms) < maxForms && len(raw) <= maxFormLength {
		t.remember(raw)
	}
}

// remember remembers the form of a usage, unless another usage is being remembered.
func (t *usageTable) remember(raw []byte) {
	var f usageForm
	members, at := transport.MembersOf(raw), 0
	for path, value, ok := members.Next(); ok; path, value, ok = members.Next() {
		end := members.Offset()
		f.members = append(f.members, usageMember{
			before: string(raw[at : end-len(value)]), path: slices.Clone(path), count: t.names[string(path)], object: value[0] == '{',
		})
		at = end
	}
	if len(f.members) == 0 || len(f.members) > maxFormMembers {
		return
	}
	f.end = string(raw[at:])
	known := t.forms.Load()
	var forms []usageForm
	if known != nil {
		forms = *known
	}
	if len(forms) >= maxForms { // others have been remembered in the meantime
		return
	}
	forms = append(slices.Clip(forms), f)
	t.forms.CompareAndSwap(known, &forms)
}

// read calls take for each member of a raw usage if it has this form. Otherwise it returns false, and u is of no use.
func (f *usageForm) read(u *usage, raw []byte) bool {
	at := 0
	for i := range f.members {
		m := &f.members[i]
		from := at + len(m.before)
		if from >= len(raw) || string(raw[at:from]) != m.before || (raw[from] == '{') != m.object {
			return false
		}
		if at = from + 1; !m.object {
			if at = valueEnd(raw, from); at == from {
				return false // there is more white space than in the form
			}
		}
		u.take(m.count, m.path, raw[from:at:at])
	}
	return string(raw[at:]) == f.end
}
