package price

import "math"

// Usage counts what one call used, in tokens. The counts are disjoint: each token is in exactly one of them, but for
// Reasoning, which says how many of the Output tokens were reasoning. (Providers count otherwise, each in its own way:
// a cached token is often in the prompt's count as well. Whoever fills a Usage takes that apart.) The zero value is a
// call that used nothing.
type Usage struct {
	// Input counts plain prompt tokens: neither read from a cache nor written to one, and not audio.
	Input int64 `json:"input,omitzero"`
	// CachedInput counts prompt tokens read from a cache.
	CachedInput int64 `json:"cached_input,omitzero"`
	// CacheWrite counts prompt tokens written to a cache for its shortest time to live (5 minutes, or 30).
	CacheWrite int64 `json:"cache_write,omitzero"`
	// CacheWrite1h counts prompt tokens written to a cache for an hour.
	CacheWrite1h int64 `json:"cache_write_1h,omitzero"`
	// Output counts generated tokens that are neither audio nor image, reasoning included.
	Output int64 `json:"output,omitzero"`
	// AudioInput counts audio tokens of the prompt that were not read from a cache.
	AudioInput int64 `json:"audio_input,omitzero"`
	// CachedAudioInput counts audio tokens of the prompt that were read from a cache.
	CachedAudioInput int64 `json:"cached_audio_input,omitzero"`
	// AudioOutput counts generated audio tokens.
	AudioOutput int64 `json:"audio_output,omitzero"`
	// ImageInput counts image tokens of the prompt where they have a price of their own, as in the editing of images. Where
	// an image in the prompt costs what text does, its tokens are in Input.
	ImageInput int64 `json:"image_input,omitzero"`
	// ImageOutput counts the tokens of generated images.
	ImageOutput int64 `json:"image_output,omitzero"`
	// Reasoning says how many of the Output tokens were reasoning. It has no price of its own.
	Reasoning int64 `json:"reasoning,omitzero"`
}

// Prompt is how many tokens the whole prompt has: everything on the input side, cached or not, text or audio. It is
// what selects the band of a long context. It saturates at [math.MaxInt64].
func (u Usage) Prompt() int64 {
	n := addTokens(u.Input, u.CachedInput)
	n = addTokens(n, u.CacheWrite)
	n = addTokens(n, u.CacheWrite1h)
	n = addTokens(n, u.AudioInput)
	n = addTokens(n, u.ImageInput)
	return addTokens(n, u.CachedAudioInput)
}

// Add returns u and v added up, counter by counter. Each counter saturates at [math.MaxInt64].
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Input:            addTokens(u.Input, v.Input),
		CachedInput:      addTokens(u.CachedInput, v.CachedInput),
		CacheWrite:       addTokens(u.CacheWrite, v.CacheWrite),
		CacheWrite1h:     addTokens(u.CacheWrite1h, v.CacheWrite1h),
		Output:           addTokens(u.Output, v.Output),
		AudioInput:       addTokens(u.AudioInput, v.AudioInput),
		CachedAudioInput: addTokens(u.CachedAudioInput, v.CachedAudioInput),
		AudioOutput:      addTokens(u.AudioOutput, v.AudioOutput),
		ImageInput:       addTokens(u.ImageInput, v.ImageInput),
		ImageOutput:      addTokens(u.ImageOutput, v.ImageOutput),
		Reasoning:        addTokens(u.Reasoning, v.Reasoning),
	}
}

// addTokens is a+b, or the nearest int64 to it.
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
	audioInput
	cachedAudioInput
	imageInput
	output
	audioOutput
	imageOutput

	counters    // how many there are
	firstOutput = output
)

// counterNames are the counters as the catalog and a usage's JSON call them.
var counterNames = [counters]string{
	input:            "input",
	cachedInput:      "cached_input",
	cacheWrite:       "cache_write",
	cacheWrite1h:     "cache_write_1h",
	audioInput:       "audio_input",
	cachedAudioInput: "cached_audio_input",
	output:           "output",
	audioOutput:      "audio_output",
	imageInput:       "image_input",
	imageOutput:      "image_output",
}

// plainCounter is what each counter's tokens would have been, had nothing been cached.
var plainCounter = [counters]counter{
	input:            input,
	cachedInput:      input,
	cacheWrite:       input,
	cacheWrite1h:     input,
	audioInput:       audioInput,
	cachedAudioInput: audioInput,
	output:           output,
	audioOutput:      audioOutput,
	imageInput:       imageInput,
	imageOutput:      imageOutput,
}

// counts is a usage as an array, one entry for each counter.
type counts [counters]int64

// counts is u as an array.
func (u *Usage) counts() counts {
	return counts{
		input:            u.Input,
		cachedInput:      u.CachedInput,
		cacheWrite:       u.CacheWrite,
		cacheWrite1h:     u.CacheWrite1h,
		audioInput:       u.AudioInput,
		cachedAudioInput: u.CachedAudioInput,
		output:           u.Output,
		audioOutput:      u.AudioOutput,
		imageInput:       u.ImageInput,
		imageOutput:      u.ImageOutput,
	}
}
