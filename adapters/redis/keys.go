package redis

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// layout is the version of the keys and of what is in them. Another version refuses them.
const layout = "1"

// The kinds of keys of a group. All have the group's hash tag, so that they are in one slot of a cluster: {skinflint:GROUP}:...
const (
	keyState  = "state" // the version, whether budgets are open, and which data it is
	keyDue    = "due"   // attempts by the end of their lease, and other keys by when to see whether they are still needed
	keyLock   = "lock"  // the process that counts the rows of budgets
	keyProbe  = "probe"
	keySeq    = "q:" // of each process: how far it has got
	keyRecord = "a:" // of each attempt
	keyLimit  = "l:" // of each limit, or each of its values
	keyBudget = "b:" // of each budget, or each of its values
	keyMark   = "m:" // of each budget: the state in which its rows were counted; else it is closed
	keySlices = "s:" // what was spent in the parts of a sliding window
)

// prefix returns how the keys of a group begin.
func prefix(group string) (string, error) {
	switch {
	case strings.ContainsAny(group, "{}"):
		return "", fmt.Errorf("redis: Config.Group is %q: it must not contain braces, with which its keys would not all be in one slot of a cluster", group)
	case len(group) > 200:
		return "", errors.New("redis: Config.Group is longer than 200 bytes")
	}
	return "{skinflint:" + group + "}:", nil
}

// hash returns a text of 22 characters that stands for the parts.
func hash(parts ...string) string {
	h := sha256.New()
	var room [20]byte
	for _, p := range parts {
		h.Write(strconv.AppendInt(room[:0], int64(len(p)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(h.Sum(sum[:0])[:16])
}

// identity returns what tells a limit from others in Redis: its name or, without one, all but its figures, so that a change of
// the figures does not begin it anew.
func identity(l *policy.Limit) string {
	if l.Name != "" {
		return hash("name", l.Name)
	}
	units := fmt.Sprint(l.RequestsPerMinute > 0, l.TokensPerMinute > 0, l.InputTokensPerMinute > 0, l.OutputTokensPerMinute > 0,
		l.RequestsPerDay > 0, l.TokensPerDay > 0, l.Concurrency > 0)
	return hash("limit", l.Match.Provider, l.Match.Operation, l.Match.Model, tagsOf(l.Match.Tags), string(l.Tier),
		strings.Join(l.Dimensions(), "\x00"), units)
}

// tagsOf returns the patterns of a match in an order of their own.
func tagsOf(tags map[string]string) string {
	var list []string
	for k, v := range tags {
		list = append(list, strconv.Quote(k)+strconv.Quote(v))
	}
	slices.Sort(list)
	return strings.Join(list, "")
}
