package price

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
)

// A price that is removed from a list is then not known. No other price stands in for it.
func TestFeedRemovedPrice(t *testing.T) {
	for file, load := range map[string]func(io.Reader) (*Feed, error){
		"litellm.json": func(r io.Reader) (*Feed, error) { return LoadLiteLLM("x", r, FeedConfig{}) },
		"genai.json":   func(r io.Reader) (*Feed, error) { return LoadGenAI("x", r, FeedConfig{}) },
		"portkey.json": func(r io.Reader) (*Feed, error) { return LoadPortkey("x", "openai", r, FeedConfig{}) },
	} {
		var list any
		if err := json.NewDecoder(fixture(t, file)).Decode(&list); err != nil {
			t.Fatal(err)
		}
		whole := loaded(t)(load(strings.NewReader(jsonText(t, list)))).Catalog
		removed, gone := 0, 0
		eachPrice(list, "", func(path string) {
			f, err := load(strings.NewReader(jsonText(t, list)))
			if err != nil {
				t.Fatalf("%s without %s: %v", file, path, err)
			}
			removed++
			gone += compareCells(t, file+" without "+path, whole, f.Catalog)
		})
		if removed < 20 || gone < 10 {
			t.Errorf("%s: %d prices removed, after which %d were not known", file, removed, gone)
		}
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var priceField = regexp.MustCompile(`cost|price|mtok|kcount|base`)

// eachPrice removes each price in turn, calls with its path, and puts it back.
func eachPrice(v any, path string, with func(path string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if _, isNumber := value.(float64); isNumber && priceField.MatchString(key) {
				delete(v, key)
				with(path + "." + key)
				v[key] = value
				continue
			}
			eachPrice(value, path+"."+key, with)
		}
	case []any:
		for i := range v {
			eachPrice(v[i], fmt.Sprintf("%s[%d]", path, i), with)
		}
	}
}

// compareCells wants each price of the part to be that of the whole, if the whole has one, and returns how many are gone.
func compareCells(t *testing.T, name string, whole, part *Catalog) (gone int) {
	t.Helper()
	for key, m := range whole.models {
		p := part.models[key]
		for i := range m.periods {
			for tier, w := range m.periods[i].tiers {
				if w == nil {
					continue
				}
				for _, b := range w.bands {
					var now *band
					if p != nil && p.period(m.periods[i].from) != nil && p.period(m.periods[i].from).tiers[tier] != nil {
						now = p.period(m.periods[i].from).tiers[tier].band(b.upTo)
					}
					for c, was := range b.prices {
						switch {
						case was < 0:
						case now == nil || now.prices[c] < 0:
							gone++
						case now.prices[c] != was:
							t.Errorf("%s: %v %s %s is %d, where it was %d", name, key, tierNames[tier], counterNames[c], now.prices[c], was)
						}
					}
				}
			}
		}
	}
	return gone
}
