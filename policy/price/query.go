package price

import "time"

// A Query selects a price.
type Query struct {
	// Provider is whose price it is: "openai", "gemini", "anthropic".
	Provider string
	// Model is the model that served, as the provider names it. A leading "models/" is ignored. A dated snapshot that the
	// catalog does not list ("gpt-5-2025-08-07") has the price of its base model ("gpt-5").
	Model string
	// Tier is the tier that served: "standard", "flex", "priority" (OpenAI's fast mode, too), "batch", "ultrafast"
	// (OpenAI), "fast" (Anthropic's speed), "window_2h" or "window_8h" (OpenAI's completion windows). The empty string means
	// that the tier is not known; it has no price, and neither has any other name.
	Tier string
	// At is when the request started. It selects the period. The zero time has no price.
	At time.Time
	// Regional says that the request went to a region-bound host, for which some models charge more.
	Regional bool
}

// Unpriced is the error for a usage that cannot be priced.
type Unpriced struct {
	// Reason says what is not known, and for which model.
	Reason string
}

// Error returns the reason, with the package's name before it.
func (e *Unpriced) Error() string { return "price: unpriced: " + e.Reason }

// unpriced returns the error for the query.
func unpriced(q *Query, err error) error {
	name := q.Provider + "/" + q.Model
	if q.Tier != "" {
		name += " (" + q.Tier + ")"
	}
	return &Unpriced{Reason: name + ": " + err.Error()}
}
