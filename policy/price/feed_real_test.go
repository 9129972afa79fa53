package price

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// realFeed opens a file of the folder that SKINFLINT_FEEDS names, which holds published lists as they are.
func realFeed(t *testing.T, name string) *os.File {
	t.Helper()
	folder := os.Getenv("SKINFLINT_FEEDS")
	if folder == "" {
		t.Skip("SKINFLINT_FEEDS names no folder with published lists (litellm.json, genai.json, portkey/PROVIDER.json)")
	}
	f, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		t.Skipf("no such list in SKINFLINT_FEEDS: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestRealLiteLLM(t *testing.T) {
	f, err := LoadLiteLLM("litellm", realFeed(t, "litellm.json"), FeedConfig{Previous: Embedded()})
	checkReal(t, f, err, 1000)
}

func TestRealGenAI(t *testing.T) {
	f, err := LoadGenAI("genai", realFeed(t, "genai.json"), FeedConfig{Previous: Embedded()})
	checkReal(t, f, err, 1000)
}

func TestRealPortkey(t *testing.T) {
	folder := realFeed(t, "portkey").Name()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("no list in %s: %v", folder, err)
	}
	for _, file := range files {
		provider := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(provider, func(t *testing.T) {
			f, err := LoadPortkey("portkey", provider, realFeed(t, filepath.Join("portkey", provider+".json")), FeedConfig{Previous: Embedded()})
			checkReal(t, f, err, 1)
		})
	}
}

// checkReal wants a Feed with so many models, and logs what it left out and where it differs from the embedded catalog.
func checkReal(t *testing.T, f *Feed, err error, least int) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if f.Models < least {
		t.Errorf("%d models, want at least %d", f.Models, least)
	}
	kinds := make(map[WarningKind]int)
	for _, w := range f.Warnings {
		kinds[w.Kind]++
		t.Log(w)
	}
	t.Logf("%d models, %d skipped, warnings %v, and %d more", f.Models, f.Skipped, kinds, f.Dropped)
	shared := 0
	for _, line := range differences(f.Catalog, &shared) {
		t.Log(line)
	}
	t.Logf("%d prices are in the embedded catalog too", shared)
}

// differences compares the prices of a feed with the embedded catalog's at a time that both know.
func differences(c *Catalog, shared *int) (lines []string) {
	at := time.Date(2026, 9, 20, 12, 0, 0, 0, time.UTC)
	for key, m := range c.models {
		ours := Embedded().listed(key)
		if ours == nil {
			continue
		}
		a, b := ours.period(at), m.period(at)
		if a == nil || b == nil {
			continue
		}
		for t := range tiers {
			if a.tiers[t] == nil || b.tiers[t] == nil {
				continue
			}
			for _, edge := range a.tiers[t].bands {
				there := b.tiers[t].band(edge.upTo - 2) // lists differ by one in where a band ends
				if there == nil {
					continue
				}
				for c, name := range counterNames {
					was, is := edge.prices[c], there.prices[c]
					if was < 0 || is < 0 {
						continue
					}
					*shared++
					if was != is {
						lines = append(lines, "differs: "+key.provider+"/"+key.name+" "+tierNames[t]+" "+name+": ours "+
							readable(counter(c), was)+", the list's "+readable(counter(c), is))
					}
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}
