package price

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// full has a different count for each counter, so that a mix-up shows.
var full = Usage{
	Input: 1, CachedInput: 20, CacheWrite: 300, CacheWrite1h: 4_000, CacheWrite12h: 5_000_000_000, Output: 50_000,
	AudioInput: 600_000, CachedAudioInput: 7_000_000, AudioOutput: 80_000_000, Reasoning: 49_000,
	ImageInput: 900_000_000, CachedImageInput: 20_000_000_000, ImageOutput: 10_000_000_000,
	VideoInput: 300_000_000_000, VideoOutput: 400_000_000_000,
	WebSearches: 2, MapSearches: 3, FileSearches: 4, CodeSessions: 5, Requests: 6, StorageTokenSeconds: 7,
}

func TestUsagePrompt(t *testing.T) {
	if got, want := full.Prompt(), int64(325_907_604_321); got != want {
		t.Errorf("the prompt has %d tokens, want %d", got, want)
	}
	others := Usage{
		Output: 9, AudioOutput: 9, ImageOutput: 9, VideoOutput: 9, Reasoning: 9,
		WebSearches: 9, MapSearches: 9, FileSearches: 9, CodeSessions: 9, Requests: 9, StorageTokenSeconds: 9,
	}
	if got := others.Prompt(); got != 0 {
		t.Errorf("output, tools and storage count as %d tokens of prompt", got)
	}
	if got := (Usage{Input: math.MaxInt64, CachedInput: 1}).Prompt(); got != math.MaxInt64 {
		t.Errorf("a prompt beyond all bounds is %d", got)
	}
}

func TestUsageAdd(t *testing.T) {
	want := Usage{
		Input: 2, CachedInput: 40, CacheWrite: 600, CacheWrite1h: 8_000, CacheWrite12h: 10_000_000_000, Output: 100_000,
		AudioInput: 1_200_000, CachedAudioInput: 14_000_000, AudioOutput: 160_000_000, Reasoning: 98_000,
		ImageInput: 1_800_000_000, CachedImageInput: 40_000_000_000, ImageOutput: 20_000_000_000,
		VideoInput: 600_000_000_000, VideoOutput: 800_000_000_000,
		WebSearches: 4, MapSearches: 6, FileSearches: 8, CodeSessions: 10, Requests: 12, StorageTokenSeconds: 14,
	}
	if got := full.Add(full); got != want {
		t.Errorf("twice is %+v, want %+v", got, want)
	}
	if got := full.Add(Usage{}); got != full {
		t.Errorf("with nothing added it is %+v", got)
	}
	for _, test := range []struct{ a, b, want int64 }{
		{math.MaxInt64, 1, math.MaxInt64},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64},
		{math.MinInt64, -1, math.MinInt64},
		{math.MaxInt64, math.MinInt64, -1},
		{math.MaxInt64 - 1, 1, math.MaxInt64},
	} {
		if got := (Usage{Output: test.a}).Add(Usage{Output: test.b}).Output; got != test.want {
			t.Errorf("%d + %d = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestUsageJSON(t *testing.T) {
	b, err := json.Marshal(Usage{Input: 5, CacheWrite1h: 2})
	if err != nil || string(b) != `{"input":5,"cache_write_1h":2}` {
		t.Errorf("Marshal: %s, %v", b, err)
	}
}

// Each counter of the catalog is a field of the usage's JSON, and holds the count of that field.
func TestCountersAreTheUsage(t *testing.T) {
	b, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]int64)
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	if len(fields) != int(counters)+2 {
		t.Errorf("the usage has %d fields, the counters, reasoning and storage are %d", len(fields), counters+2)
	}
	for c, got := range full.counts() {
		if want := fields[counterNames[c]]; got != want || want == 0 {
			t.Errorf("%s counts %d, want %d", counterNames[c], got, want)
		}
	}
}

func TestUsageAppendJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		var u Usage
		v := reflect.ValueOf(&u).Elem()
		for i := range v.NumField() {
			if random.IntN(3) == 0 {
				v.Field(i).SetInt(int64(random.Uint64()) >> random.IntN(64))
			}
		}
		want, err := json.Marshal(u)
		if got := string(u.AppendJSON(nil)); err != nil || got != string(want) {
			t.Fatalf("it is %s, want %s (%v)", got, want, err)
		}
	}
}
