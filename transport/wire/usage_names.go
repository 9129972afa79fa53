package wire

import (
	"fmt"
	"maps"
	"strings"
)

// A Count says what a number in a usage of OpenAI's shape counts: see [Compatible.UsageNames]. The numbers of such a usage
// overlap: a cached token is also one of the prompt. The zero Count is none.
type Count uint8

// The counts of a usage.
const (
	PromptTokens    Count = iota + 1 // the whole prompt
	OutputTokens                     // all that was generated; some hosts count reasoning apart from it
	TotalTokens                      // prompt and output
	CachedTokens                     // within the prompt: read from a cache
	WrittenTokens                    // within the prompt: written to a cache, for whatever time
	WrittenShort                     // within WrittenTokens: for the shortest time to live (5 minutes, or 30)
	Written1h                        // within WrittenTokens: for an hour
	Written12h                       // within WrittenTokens: for twelve hours
	AudioInTokens                    // within the prompt: audio
	CachedAudio                      // within CachedTokens and AudioInTokens
	ImageInTokens                    // within the prompt: images
	CachedImages                     // within CachedTokens and ImageInTokens
	ReasoningTokens                  // within the output: reasoning
	AudioOutTokens                   // within the output: audio
	ImageOutTokens                   // within the output: images
	VideoOutTokens                   // within the output: video
	PartTokens                       // within another count, and without a price of their own
)

// What else a usage says. The first are numbers, too.
const (
	cachedText   = PartTokens + 1 + iota // within CachedTokens: the rest of them, if audio or images are in them
	sourcesUsed                          // of a search; charged for
	serverTools                          // charged for
	audioSeconds                         // of a prompt
	secondsUsed                          // what is charged for instead of tokens
	costUSD
	costTicks   // see tick
	ownKey      // the program's own key pays
	tierServed  // by its name
	trafficType // by Google's name
	usageCounts // how many there are

	lastNumber = serverTools
)

// usageNames are the names of counts, as paths below a usage. Those of one count are its aliases: OpenAI's own comes first,
// then those of others. Sources: recorded traffic of 2026; the providers' API references; LiteLLM's answers.
var usageNames = func() map[string]Count {
	names := map[string]Count{
		"prompt_tokens": PromptTokens, "input_tokens": PromptTokens,
		"completion_tokens": OutputTokens, "output_tokens": OutputTokens,
		"total_tokens": TotalTokens,

		"prompt_cache_hit_tokens": CachedTokens, // DeepSeek
		"num_cached_tokens":       CachedTokens, // Mistral
		"audio_prompt_tokens":     AudioInTokens,

		"num_sources_used": sourcesUsed, "num_server_side_tools_used": serverTools, // xAI
		"prompt_audio_seconds": audioSeconds, // Mistral
		"seconds":              secondsUsed,
		"cost":                 costUSD, "cost.total_cost": costUSD, "estimated_cost": costUSD, // OpenRouter; Perplexity; DeepInfra
		"cost_in_usd_ticks":                    costTicks,   // xAI
		"is_byok":                              ownKey,      // OpenRouter
		"service_tier":                         tierServed,  // Mistral
		"extra_properties.google.traffic_type": trafficType, // Vertex AI
		// xAI: of the last of several requests that a server made for one
		"context_details.input_tokens": PartTokens, "context_details.output_tokens": PartTokens,
	}
	for _, details := range []string{"", "prompt_tokens_details.", "input_tokens_details.", "input_token_details.", "prompt_token_details."} {
		for name, count := range map[string]Count{
			"cached_tokens":     CachedTokens, // also Moonshot's, without details
			"cache_read_tokens": CachedTokens, "cache_read_input_tokens": CachedTokens, "cached_input_tokens": CachedTokens,
			"cached_tokens_details.text_tokens": cachedText, "cached_tokens_details.audio_tokens": CachedAudio,
			"cached_tokens_details.image_tokens": CachedImages, "cached_audio_tokens": CachedAudio,
			"cache_write_tokens": WrittenTokens, "cache_creation_tokens": WrittenTokens,
			"cache_write_input_tokens": WrittenTokens, "cache_creation_input_tokens": WrittenTokens,
			"cache_write_tokens_details.ttl_5m_tokens": WrittenShort, "cache_write_tokens_details.ttl_30m_tokens": WrittenShort,
			"cache_write_tokens_details.ttl_1h_tokens": Written1h, "cache_write_tokens_details.ttl_12h_tokens": Written12h,
			// Anthropic's, as gateways pass them on:
			"cache_creation.ephemeral_5m_input_tokens": WrittenShort, "cache_creation.ephemeral_1h_input_tokens": Written1h,
			"cache_creation_token_details.ephemeral_5m_input_tokens": WrittenShort,
			"cache_creation_token_details.ephemeral_1h_input_tokens": Written1h,
		} {
			names[details+name] = count
		}
		if details != "" {
			names[details+"audio_tokens"], names[details+"image_tokens"] = AudioInTokens, ImageInTokens
		}
	}
	for _, details := range []string{"", "completion_tokens_details.", "output_tokens_details.", "completion_token_details.", "output_token_details."} {
		names[details+"reasoning_tokens"] = ReasoningTokens
		names[details+"thinking_tokens"] = ReasoningTokens
		if details != "" {
			names[details+"audio_tokens"], names[details+"image_tokens"] = AudioOutTokens, ImageOutTokens
			names[details+"video_tokens"] = VideoOutTokens
		}
	}
	return names
}()

// partNames are names of counts that are not read, wherever they stand, and need not be: they are part of a count that is
// read, or charged for in another way.
var partNames = map[string]bool{
	"text_tokens": true, "image_tokens": true, "video_tokens": true, // OpenAI and others: parts of the prompt, or of the output
	"accepted_prediction_tokens": true, "rejected_prediction_tokens": true, // parts of the output
	"prompt_cache_miss_tokens": true, // DeepSeek: the rest of the prompt
	"citation_tokens":          true, // Perplexity, which reports the cost of all
}

// withUsageNames returns the names with more of them.
func withUsageNames(more map[string]Count) map[string]Count {
	if len(more) == 0 {
		return usageNames
	}
	names := maps.Clone(usageNames)
	maps.Copy(names, more)
	return names
}

// checkUsageNames returns an error that names what is not valid.
func checkUsageNames(provider string, names map[string]Count) error {
	for name, count := range names {
		switch {
		case name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.HasPrefix(name, "usage."):
			return fmt.Errorf("wire: Dialects: UsageNames of %s has %q: want a path below the usage, such as \"details.cached_tokens\"", provider, name)
		case count == 0 || count > PartTokens:
			return fmt.Errorf("wire: Dialects: UsageNames of %s: %q is no Count: %d", provider, name, count)
		}
	}
	return nil
}
