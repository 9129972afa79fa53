package price

import (
	"math"
	"strconv"
)

// Usage counts what one call used: tokens, and requests of tools that are charged for. The counts are disjoint: each token
// is in exactly one of them. The exception is Reasoning, which says how many of the Output tokens were reasoning. Providers
// count differently; in most answers a cached token is also in the count of the prompt. The code that fills a Usage has to
// separate the counts. The zero value is a call that used nothing.
type Usage struct {
	// Input counts plain prompt tokens: neither read from a cache nor written to one, and not audio.
	Input int64 `json:"input,omitzero"`
	// CachedInput counts prompt tokens read from a cache.
	CachedInput int64 `json:"cached_input,omitzero"`
	// CacheWrite counts prompt tokens written to a cache for its shortest time to live (5 minutes, or 30).
	CacheWrite int64 `json:"cache_write,omitzero"`
	// CacheWrite1h counts prompt tokens written to a cache for an hour.
	CacheWrite1h int64 `json:"cache_write_1h,omitzero"`
	// CacheWrite12h counts prompt tokens written to a cache for twelve hours.
	CacheWrite12h int64 `json:"cache_write_12h,omitzero"`
	// Output counts generated tokens that are neither audio, image nor video, reasoning included.
	Output int64 `json:"output,omitzero"`
	// AudioInput counts audio tokens of the prompt that were not read from a cache.
	AudioInput int64 `json:"audio_input,omitzero"`
	// CachedAudioInput counts audio tokens of the prompt that were read from a cache.
	CachedAudioInput int64 `json:"cached_audio_input,omitzero"`
	// AudioOutput counts generated audio tokens.
	AudioOutput int64 `json:"audio_output,omitzero"`
	// ImageInput counts image tokens of the prompt where they have a price of their own, as in the editing of images. Where
	// an image in the prompt costs as much as text, its tokens are in Input.
	ImageInput int64 `json:"image_input,omitzero"`
	// CachedImageInput counts such image tokens that were read from a cache.
	CachedImageInput int64 `json:"cached_image_input,omitzero"`
	// ImageOutput counts the tokens of generated images.
	ImageOutput int64 `json:"image_output,omitzero"`
	// VideoInput counts video tokens of the prompt where they have a price of their own; else they are in Input.
	VideoInput int64 `json:"video_input,omitzero"`
	// VideoOutput counts the tokens of generated videos.
	VideoOutput int64 `json:"video_output,omitzero"`
	// Reasoning says how many of the Output tokens were reasoning. It has no price of its own.
	Reasoning int64 `json:"reasoning,omitzero"`

	// WebSearches counts searches of the web by the provider, or prompts grounded by them: the unit that it charges for.
	WebSearches int64 `json:"web_searches,omitzero"`
	// MapSearches counts searches of a map in the same way.
	MapSearches int64 `json:"map_searches,omitzero"`
	// FileSearches counts searches of files that are stored with the provider.
	FileSearches int64 `json:"file_searches,omitzero"`
	// CodeSessions counts sessions of containers in which the provider ran code.
	CodeSessions int64 `json:"code_sessions,omitzero"`
	// Requests counts requests, where a request itself has a price in addition to its tokens.
	Requests int64 `json:"requests,omitzero"`

	// StorageTokenSeconds counts the tokens that a context cache held times the seconds that it held them, rounded.
	// [Catalog.Storage] prices it; [Catalog.Cost] ignores it.
	StorageTokenSeconds int64 `json:"storage_token_seconds,omitzero"`
}

// Prompt returns how many tokens the whole prompt has: all input, cached or not, text, audio, image or video. This number
// selects the band of prices for a long context. It saturates at [math.MaxInt64].
func (u Usage) Prompt() int64 {
	n := addTokens(u.Input, u.CachedInput)
	for _, tokens := range [...]int64{
		u.CacheWrite, u.CacheWrite1h, u.CacheWrite12h, u.AudioInput, u.CachedAudioInput, u.ImageInput, u.CachedImageInput, u.VideoInput,
	} {
		n = addTokens(n, tokens)
	}
	return n
}

// Add returns the sum of u and v, counter by counter. Each counter saturates at [math.MaxInt64].
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Input:               addTokens(u.Input, v.Input),
		CachedInput:         addTokens(u.CachedInput, v.CachedInput),
		CacheWrite:          addTokens(u.CacheWrite, v.CacheWrite),
		CacheWrite1h:        addTokens(u.CacheWrite1h, v.CacheWrite1h),
		CacheWrite12h:       addTokens(u.CacheWrite12h, v.CacheWrite12h),
		Output:              addTokens(u.Output, v.Output),
		AudioInput:          addTokens(u.AudioInput, v.AudioInput),
		CachedAudioInput:    addTokens(u.CachedAudioInput, v.CachedAudioInput),
		AudioOutput:         addTokens(u.AudioOutput, v.AudioOutput),
		ImageInput:          addTokens(u.ImageInput, v.ImageInput),
		CachedImageInput:    addTokens(u.CachedImageInput, v.CachedImageInput),
		ImageOutput:         addTokens(u.ImageOutput, v.ImageOutput),
		VideoInput:          addTokens(u.VideoInput, v.VideoInput),
		VideoOutput:         addTokens(u.VideoOutput, v.VideoOutput),
		Reasoning:           addTokens(u.Reasoning, v.Reasoning),
		WebSearches:         addTokens(u.WebSearches, v.WebSearches),
		MapSearches:         addTokens(u.MapSearches, v.MapSearches),
		FileSearches:        addTokens(u.FileSearches, v.FileSearches),
		CodeSessions:        addTokens(u.CodeSessions, v.CodeSessions),
		Requests:            addTokens(u.Requests, v.Requests),
		StorageTokenSeconds: addTokens(u.StorageTokenSeconds, v.StorageTokenSeconds),
	}
}

// addTokens returns a+b, or the nearest int64 to it.
func addTokens(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}

// A counter names one of the counts of a [Usage] that have a price.
type counter int

const (
	input counter = iota
	cachedInput
	cacheWrite
	cacheWrite1h
	cacheWrite12h
	audioInput
	cachedAudioInput
	imageInput
	cachedImageInput
	videoInput
	output
	audioOutput
	imageOutput
	videoOutput
	webSearches
	mapSearches
	fileSearches
	codeSessions
	requests

	counters // how many there are

	firstOutput = output      // of the tokens
	firstTool   = webSearches // of what is charged for by the request
)

// counterNames are the counters as the catalog and a usage's JSON call them.
var counterNames = [counters]string{
	input:            "input",
	cachedInput:      "cached_input",
	cacheWrite:       "cache_write",
	cacheWrite1h:     "cache_write_1h",
	cacheWrite12h:    "cache_write_12h",
	audioInput:       "audio_input",
	cachedAudioInput: "cached_audio_input",
	imageInput:       "image_input",
	cachedImageInput: "cached_image_input",
	videoInput:       "video_input",
	output:           "output",
	audioOutput:      "audio_output",
	imageOutput:      "image_output",
	videoOutput:      "video_output",
	webSearches:      "web_searches",
	mapSearches:      "map_searches",
	fileSearches:     "file_searches",
	codeSessions:     "code_sessions",
	requests:         "requests",
}

// plainCounter maps each counter to the one that its tokens would be in without any cache.
var plainCounter = [counters]counter{
	input:            input,
	cachedInput:      input,
	cacheWrite:       input,
	cacheWrite1h:     input,
	cacheWrite12h:    input,
	audioInput:       audioInput,
	cachedAudioInput: audioInput,
	imageInput:       imageInput,
	cachedImageInput: imageInput,
	videoInput:       videoInput,
	output:           output,
	audioOutput:      audioOutput,
	imageOutput:      imageOutput,
	videoOutput:      videoOutput,
	webSearches:      webSearches,
	mapSearches:      mapSearches,
	fileSearches:     fileSearches,
	codeSessions:     codeSessions,
	requests:         requests,
}

// counts is a usage as an array, one entry for each counter.
type counts [counters]int64

// counts returns u as an array.
func (u *Usage) counts() counts {
	return counts{
		input:            u.Input,
		cachedInput:      u.CachedInput,
		cacheWrite:       u.CacheWrite,
		cacheWrite1h:     u.CacheWrite1h,
		cacheWrite12h:    u.CacheWrite12h,
		audioInput:       u.AudioInput,
		cachedAudioInput: u.CachedAudioInput,
		imageInput:       u.ImageInput,
		cachedImageInput: u.CachedImageInput,
		videoInput:       u.VideoInput,
		output:           u.Output,
		audioOutput:      u.AudioOutput,
		imageOutput:      u.ImageOutput,
		videoOutput:      u.VideoOutput,
		webSearches:      u.WebSearches,
		mapSearches:      u.MapSearches,
		fileSearches:     u.FileSearches,
		codeSessions:     u.CodeSessions,
		requests:         u.Requests,
	}
}

// used is a usage as an array, with a bit set of the counts that are not zero. A call uses few of the counters, and a
// price looks at each of them several times.
type used struct {
	counts counts
	some   uint32 // bit c is counter c
}

// read fills n, which must be zero, with u. It reports whether u is possible: no count is negative, and there is no more
// reasoning than output.
func (n *used) read(u *Usage) bool {
	n.counts = u.counts()
	var all int64
	for c, count := range &n.counts {
		all |= count
		if count != 0 {
			n.some |= 1 << c
		}
	}
	return all >= 0 && 0 <= u.Reasoning && u.Reasoning <= u.Output
}

// A Counter is one of the counts of a [Usage].
type Counter struct {
	// Name is the name of the count in JSON.
	Name string
	// Count points to the count, which may be read and set.
	Count *int64
}

// Counters returns all counts of the usage in the order of its fields, including those without a price.
func (u *Usage) Counters() [21]Counter {
	return [...]Counter{
		{"input", &u.Input},
		{"cached_input", &u.CachedInput},
		{"cache_write", &u.CacheWrite},
		{"cache_write_1h", &u.CacheWrite1h},
		{"cache_write_12h", &u.CacheWrite12h},
		{"output", &u.Output},
		{"audio_input", &u.AudioInput},
		{"cached_audio_input", &u.CachedAudioInput},
		{"audio_output", &u.AudioOutput},
		{"image_input", &u.ImageInput},
		{"cached_image_input", &u.CachedImageInput},
		{"image_output", &u.ImageOutput},
		{"video_input", &u.VideoInput},
		{"video_output", &u.VideoOutput},
		{"reasoning", &u.Reasoning},
		{"web_searches", &u.WebSearches},
		{"map_searches", &u.MapSearches},
		{"file_searches", &u.FileSearches},
		{"code_sessions", &u.CodeSessions},
		{"requests", &u.Requests},
		{"storage_token_seconds", &u.StorageTokenSeconds},
	}
}

// AppendJSON appends the usage to b as a JSON object, exactly as [encoding/json.Marshal] writes it.
func (u *Usage) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	first := true
	for _, c := range u.Counters() {
		if *c.Count == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), c.Name...), '"', ':')
		b = strconv.AppendInt(b, *c.Count, 10)
	}
	return append(b, '}')
}
