package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Feed is a catalog that was made from another project's published list of prices: see [LoadLiteLLM], [LoadGenAI] and
// [LoadPortkey]. Such a list is read as it is published, and judged as it is read. What a list says in a way that cannot be
// carried over exactly is left out, and a [Warning] says so; nothing is guessed in its place, so that a usage which needs it
// is [*Unpriced].
//
// Three things are left out one model at a time, since every published list has some: a price above $1,000 per million
// tokens or $10,000 per thousand requests (most likely a slip of unit), a price that is negative or no number, and, with
// [Against], one that jumped tenfold. A list that is refused whole is one that is not JSON of the expected shape, one
// without a single price, and one more than half of whose priced models are refused: that is a change of unit, or of
// format, and not a slip. With [Strict], the first model that is refused refuses the list.
type Feed struct {
	// Catalog has the prices.
	Catalog *Catalog
	// Models is how many names of models have prices in it, and Skipped how many entries of the list were left out.
	Models, Skipped int
	// Warnings are the first 1,000, and Dropped is how many there were beyond those.
	Warnings []Warning
	Dropped  int
}

// Warning says what of a list was not carried over, or not as it was.
type Warning struct {
	Kind WarningKind
	// Model and Field name the place in the list, by the names that it has there.
	Model, Field string
	// Text says what is wrong with it.
	Text string
}

// String is the place, what is wrong with it and what was done about it.
func (w Warning) String() string {
	place := w.Model
	if w.Field != "" {
		place += ": " + w.Field
	}
	return place + ": " + w.Text + " (" + string(w.Kind) + ")"
}

// WarningKind says what was done about the matter of a [Warning].
type WarningKind string

const (
	// Rounded is a price finer than a picodollar, which was rounded to the nearest, half to even.
	Rounded WarningKind = "rounded"
	// Withheld is a price that was left out, so that the usage it is for stays unpriced. The model has others.
	Withheld WarningKind = "withheld"
	// LeftOut is a model that was left out because nothing that it is charged by is counted in a [Usage], because it has
	// no price, or because what it says cannot be carried over.
	LeftOut WarningKind = "left out"
	// Refused is a model that was left out because a price of it cannot be right.
	Refused WarningKind = "refused"
)

// FeedOption is an option of a loader of a [Feed].
type FeedOption func(*feedLoader)

// Against refuses models with a price more than ten times higher or lower than previous has it: of the same model, tier,
// length of prompt and kind of token, at the same time. A price that is free in previous may have become any. The
// embedded catalog will do for previous; the feed that this one takes the place of is better.
func Against(previous *Catalog) FeedOption { return func(l *feedLoader) { l.previous = previous } }

// Strict refuses the list for the first model that is refused in it, rather than leave the model out. The error names
// model and field.
func Strict() FeedOption { return func(l *feedLoader) { l.strict = true } }

const maxWarnings = 1_000

// feedLoader makes a Feed.
type feedLoader struct {
	feed     Feed
	list     string // of which project, as errors call it
	previous *Catalog
	strict   bool
	refused  int
	from     map[modelKey]entry
}

// entry is where a model came from: the name that its list has for it, and its prices as text, to compare.
type entry struct {
	name, text string
}

// newFeed returns a loader of a list.
func newFeed(list, name string, options []FeedOption) *feedLoader {
	l := &feedLoader{
		feed: Feed{Catalog: &Catalog{name: name, models: make(map[modelKey]*model)}},
		list: list,
		from: make(map[modelKey]entry),
	}
	for _, o := range options {
		o(l)
	}
	return l
}

// readFeed reads a list whole.
func readFeed(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxCatalogBytes+1))
	if err == nil && len(text) > maxCatalogBytes {
		err = fmt.Errorf("larger than %d bytes", maxCatalogBytes)
	}
	return text, err
}

// done returns the Feed, or the error that refuses the list.
func (l *feedLoader) done(err error) (*Feed, error) {
	l.feed.Models = len(l.feed.Catalog.models)
	switch {
	case err != nil:
	case l.feed.Models == 0:
		err = errors.New("has no model with a price")
	case l.refused > l.feed.Models:
		err = fmt.Errorf("%d models have prices that cannot be right, and only %d others", l.refused, l.feed.Models)
	}
	if err != nil {
		return nil, fmt.Errorf("price: feed %q (%s): %w", l.feed.Catalog.name, l.list, err)
	}
	return &l.feed, nil
}

// warn notes a warning.
func (l *feedLoader) warn(kind WarningKind, name, field, text string) {
	if len(l.feed.Warnings) == maxWarnings {
		l.feed.Dropped++
		return
	}
	l.feed.Warnings = append(l.feed.Warnings, Warning{kind, name, field, text})
}

// leaveOut notes that an entry is left out.
func (l *feedLoader) leaveOut(name, field, text string) {
	l.feed.Skipped++
	l.warn(LeftOut, name, field, text)
}

// refuse notes that an entry is refused. It returns an error where that refuses the list.
func (l *feedLoader) refuse(name, field string, err error) error {
	if l.strict {
		return named(name, named(field, err))
	}
	l.feed.Skipped++
	l.refused++
	l.warn(Refused, name, field, err.Error())
	return nil
}

// add adds the draft under its key, if it stands up. The name is the list's, and the errors refuse the list.
func (l *feedLoader) add(name string, key modelKey, d *draft) error {
	if why := movingAlias(key); why != "" {
		l.leaveOut(name, "", why)
		return nil
	}
	if !d.settle(func(field, text string) { l.warn(Withheld, name, field, text) }) {
		l.leaveOut(name, "", "has no price of anything that is counted")
		return nil
	}
	text, err := json.Marshal([]any{d.Uplift, d.Periods})
	if err != nil {
		return err
	}
	if before, ok := l.from[key]; ok {
		l.repeated(name, key, before, string(text))
		return nil
	}
	m, err := d.parse(l.feed.Catalog.name, key)
	if err == nil {
		err = jumped(l.previous, key, m)
	}
	if err != nil {
		return l.refuse(name, "", err)
	}
	l.from[key] = entry{name, string(text)}
	l.feed.Catalog.models[key] = m
	return nil
}

// repeated deals with a second entry for one model. Where the two disagree, nobody knows which holds.
func (l *feedLoader) repeated(name string, key modelKey, before entry, text string) {
	if before.text == text {
		return
	}
	l.leaveOut(name, "", "disagrees with "+before.name+" about the same model, so that neither is taken")
	if l.feed.Catalog.models[key] != nil {
		delete(l.feed.Catalog.models, key)
		l.feed.Skipped++
	}
}

// movingAlias says why a name stands for no model in particular, or nothing. Google's answers name the model that served,
// and lists differ in what they take such a name for.
func movingAlias(key modelKey) string {
	if strings.HasSuffix(key.name, "-latest") && (key.provider == "gemini" || key.provider == "vertex") {
		return "is another model from time to time: the answer to a call names the one that served"
	}
	return ""
}
