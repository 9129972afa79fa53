package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Feed is a catalog made from a list of prices that another project publishes: see [LoadLiteLLM], [LoadGenAI] and
// [LoadPortkey]. A loader reads the list as it is published and checks each price. What it cannot convert exactly it leaves
// out, with a [Warning]. It guesses nothing instead, so a usage that needs such a price is [*Unpriced].
//
// What a list does not state is not known. A missing price is not taken from another tier, band or counter: a missing price of
// cached tokens does not mean that there is no discount, as it does in a catalog, and a missing regional uplift does not mean
// that there is none. [Layers] says when a catalog below the Feed prices such a usage.
//
// Every published list has mistakes. A model is left out, alone, if a price of it is above $1,000 per million tokens or
// $10,000 per thousand requests (most likely the wrong unit), is negative or is not a number, or is more than ten times
// higher or lower than in [FeedConfig.Previous]. The whole list is refused if it is not JSON of the expected shape, has no
// price at all, or has more models that are refused than others: then the unit or the format of the list has changed. Only
// a file of [LoadPortkey] may have no price of what is counted.
type Feed struct {
	// Catalog has the prices.
	Catalog *Catalog
	// Models is how many names of models have prices in the Catalog, and Skipped how many entries of the list were left out.
	Models, Skipped int
	// Warnings are the first 1,000 warnings, and Dropped is how many more there were.
	Warnings []Warning
	Dropped  int
}

// FeedConfig configures a loader of a [Feed]. The zero value is valid.
type FeedConfig struct {
	// AsOf is when the list was fetched. The prices of a list without dates hold from then on, or at any time if AsOf is
	// zero. [LoadGenAI] ignores it, because its list has dates.
	AsOf time.Time
	// Previous refuses a model with a price more than ten times higher or lower than Previous has for the same model, tier,
	// length of prompt and kind of token at the same time. A price that is free in Previous may have become any. The feed
	// that the new one replaces is the best to compare with; [Embedded] will do. Nil compares nothing.
	Previous *Catalog
	// Strict refuses the whole list if one model is refused, instead of leaving the model out. The error names model and
	// field.
	Strict bool
}

// Warning says what of a list was left out or changed.
type Warning struct {
	Kind WarningKind
	// Model and Field are the place in the list, by the list's own names. Field may be empty.
	Model, Field string
	// Text says what is wrong there.
	Text string
}

// String returns the place, what is wrong there and, in brackets, the kind.
func (w Warning) String() string {
	place := w.Model
	if w.Field != "" {
		place += ": " + w.Field
	}
	return place + ": " + w.Text + " (" + string(w.Kind) + ")"
}

// WarningKind says what the loader did because of what a [Warning] reports.
type WarningKind string

const (
	// Rounded says that a price was finer than a picodollar, and was rounded to the nearest one, half to even.
	Rounded WarningKind = "rounded"
	// Withheld says that a price was left out. A usage that needs it is unpriced. The model has other prices.
	Withheld WarningKind = "withheld"
	// LeftOut says that a model was left out: it has no price, a [Usage] does not count what it is charged by, or its entry
	// cannot be converted.
	LeftOut WarningKind = "left out"
	// Refused says that a model was left out because one of its prices cannot be right.
	Refused WarningKind = "refused"
)

const maxWarnings = 1_000

// feedLoader makes a Feed.
type feedLoader struct {
	c       FeedConfig
	feed    Feed
	list    string // the project that publishes the list, for errors
	refused int
	// mayBeEmpty says that a list without a model is no mistake.
	mayBeEmpty bool
	from       map[modelKey]entry
}

// entry is the source of a model: its name in the list, and its prices as text, for comparison.
type entry struct {
	name, text string
}

// newFeed returns a loader for one list.
func newFeed(list, name string, c FeedConfig) *feedLoader {
	return &feedLoader{
		c:    c,
		feed: Feed{Catalog: &Catalog{name: name, models: make(map[modelKey]*model)}},
		list: list,
		from: make(map[modelKey]entry),
	}
}

// readFeed reads a whole list.
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
	case l.feed.Models == 0 && !l.mayBeEmpty:
		err = errors.New("has no model with a price")
	case l.refused > l.feed.Models:
		err = fmt.Errorf("%d models have prices that cannot be right, and only %d others", l.refused, l.feed.Models)
	}
	if err != nil {
		return nil, fmt.Errorf("price: feed %q (%s): %w", l.feed.Catalog.name, l.list, err)
	}
	return &l.feed, nil
}

// warn records a warning.
func (l *feedLoader) warn(kind WarningKind, name, field, text string) {
	if len(l.feed.Warnings) == maxWarnings {
		l.feed.Dropped++
		return
	}
	l.feed.Warnings = append(l.feed.Warnings, Warning{kind, name, field, text})
}

// leaveOut records that an entry is left out.
func (l *feedLoader) leaveOut(name, field, text string) {
	l.feed.Skipped++
	l.warn(LeftOut, name, field, text)
}

// refuse records that an entry is refused. It returns an error if that refuses the whole list.
func (l *feedLoader) refuse(name, field string, err error) error {
	if l.c.Strict {
		return named(name, named(field, err))
	}
	l.feed.Skipped++
	l.refused++
	l.warn(Refused, name, field, err.Error())
	return nil
}

// add adds the draft under its key, unless a check leaves it out. The name is the list's. An error refuses the whole list.
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
		err = jumped(l.c.Previous, key, m)
	}
	if err != nil {
		return l.refuse(name, "", err)
	}
	l.from[key] = entry{name, string(text)}
	l.feed.Catalog.models[key] = m
	return nil
}

// repeated handles a second entry for one model. If the two disagree, either may be wrong, so both are left out.
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

// movingAlias returns why the name stands for no fixed model, or the empty string. Google's answers name the model that
// served, so such a name is not needed, and lists differ in what they mean by it.
func movingAlias(key modelKey) string {
	if strings.HasSuffix(key.name, "-latest") && (key.provider == "gemini" || key.provider == "vertex") {
		return "is another model from time to time: the answer to a call names the one that served"
	}
	return ""
}
