package price

import (
	"cmp"
	"fmt"
	"io"
)

// maxCatalogBytes bounds what Parse reads. The largest list of prices that we know is less than a tenth of it.
const maxCatalogBytes = 64 << 20

// Parse reads a catalog in the format that [Catalog] describes. Every [Cost.PriceID] from it begins with the name. Parse is
// strict: an unknown or repeated field, a price that is not an exact decimal or is out of bounds, an unknown tier or
// counter, overlapping periods or windows, and bands out of order are errors. Each error names provider, model and field.
func Parse(name string, r io.Reader) (*Catalog, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxCatalogBytes+1))
	if err == nil && len(text) > maxCatalogBytes {
		err = fmt.Errorf("larger than %d bytes", maxCatalogBytes)
	}
	if err == nil {
		c := &Catalog{name: name, models: make(map[modelKey]*model)}
		if err = c.parse(text); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("price: catalog %q: %w", name, err)
}

// parse fills an empty catalog.
func (c *Catalog) parse(text []byte) error {
	top, err := object(text, "providers")
	if err != nil {
		return err
	}
	err = eachField(top["providers"], "providers", func(provider string, raw []byte) error {
		return inField(provider, c.parseProvider(provider, raw))
	})
	if err != nil {
		return err
	}
	return c.checkAliases()
}

// parseProvider adds one provider's models.
func (c *Catalog) parseProvider(provider string, raw []byte) error {
	fields, err := object(raw, "same_as", "models")
	if err != nil {
		return err
	}
	if as := fields["same_as"]; as != nil {
		if err := c.parseProviderAlias(provider, as); err != nil {
			return inField("same_as", err)
		}
		if fields["models"] == nil {
			return nil
		}
	}
	return eachField(fields["models"], "models", func(name string, raw []byte) error {
		return inField(name, c.parseModel(modelKey{provider, name}, raw))
	})
}

// parseModel adds one model.
func (c *Catalog) parseModel(key modelKey, raw []byte) error {
	fields, err := object(raw, "same_as", "limits", "regional_uplift", "caching", "periods")
	if err != nil {
		return err
	}
	m := model{id: c.name + "/" + key.provider + "/" + key.name}
	if as := fields["same_as"]; as != nil {
		err = inField("same_as", m.parseAlias(as, len(fields)))
	} else {
		err = cmp.Or(
			inField("limits", m.parseLimits(fields["limits"])),
			inField("regional_uplift", m.parseUplift(fields["regional_uplift"])),
			m.parseOffers(fields["caching"]),
			m.parsePeriods(fields["periods"]),
		)
	}
	c.models[key] = &m
	return err
}

// parseLimits reads {"max_input": 1, "max_output": 2}.
func (m *model) parseLimits(raw []byte) error {
	if raw == nil {
		return nil
	}
	fields, err := object(raw, "max_input", "max_output")
	if err != nil {
		return err
	}
	return cmp.Or(
		inField("max_input", parseTokens(fields["max_input"], &m.maxInput)),
		inField("max_output", parseTokens(fields["max_output"], &m.maxOutput)),
	)
}

// upliftUnit is the finest step of a factor. It keeps the cost of storage within 128 bits: see [wide].
const upliftUnit = USD / 1_000_000

// parseUplift reads a factor such as "1.10".
func (m *model) parseUplift(raw []byte) error {
	if raw == nil {
		return nil
	}
	var factor Pico
	if err := factor.UnmarshalJSON(raw); err != nil {
		return err
	}
	switch {
	case factor < 1*USD || factor > 10*USD:
		return fmt.Errorf("%s is not from 1 to 10", factor)
	case factor%upliftUnit != 0:
		return fmt.Errorf("%s has more than six decimals", factor)
	}
	m.uplift = ratioOf(factor)
	return nil
}
