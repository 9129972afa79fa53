package price

import (
	"errors"
	"fmt"
	"strings"
)

// parseAlias reads a model's alias, "provider/model". The model's object has the given number of fields.
func (m *model) parseAlias(raw []byte, fields int) error {
	if fields > 1 {
		return errors.New("cannot be combined with prices, limits or an uplift: those are the other model's")
	}
	var text string
	if err := parseText(raw, &text); err != nil {
		return err
	}
	provider, name, ok := strings.Cut(text, "/")
	if !ok || provider == "" || name == "" {
		return fmt.Errorf("%.64q is not the name of a model (provider/model)", text)
	}
	m.sameAs = modelKey{provider, name}
	return nil
}

// parseProviderAlias reads the provider whose models and prices this provider has.
func (c *Catalog) parseProviderAlias(provider string, raw []byte) error {
	var text string
	if err := parseText(raw, &text); err != nil {
		return err
	}
	if text == "" {
		return errors.New("is empty; want the name of a provider")
	}
	if c.providers == nil {
		c.providers = make(map[string]string)
	}
	c.providers[provider] = text
	return nil
}

// checkAliases refuses aliases that lead to another alias in the same catalog.
func (c *Catalog) checkAliases() error {
	for provider, other := range c.providers {
		if _, ok := c.providers[other]; ok {
			return inField(provider, inField("same_as", fmt.Errorf("%q is an alias itself: name the provider that has the prices", other)))
		}
	}
	for key, m := range c.models {
		if m.isAlias() && c.hasAlias(m.sameAs) {
			return inField(key.provider, inField(key.name, inField("same_as",
				fmt.Errorf("%q is an alias itself: name the model that has the prices", m.sameAs.provider+"/"+m.sameAs.name))))
		}
	}
	return nil
}

// hasAlias reports whether the key is an alias in this catalog.
func (c *Catalog) hasAlias(key modelKey) bool {
	if m := c.own(key.provider, key.name); m != nil {
		return m.isAlias()
	}
	_, ok := c.providers[key.provider]
	return ok
}
