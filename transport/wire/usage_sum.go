package wire

import "github.com/skinflint-go/skinflint/policy/price"

// How the counts of a usage of OpenAI's shape become counts that do not overlap.

// whole returns how many tokens the prompt and the output have in all, and how many of the prompt's are audio. The total, if
// there is one, decides what is within another count: there is never more output than it allows. If it is more than prompt and
// output together, the provider counts the rest separately: audio at Mistral; caches at hosts that count as Anthropic does;
// reasoning at xAI; reasoning that no count states at Google's OpenAI-compatible API. Any other rest is a problem.
func (s *usageState) whole(c *Call, u *usage) (prompt, output, audio int64) {
	prompt, output = s.parts(c, u)
	audio = s.n[AudioInTokens]
	reasoning := s.n[ReasoningTokens]
	apart := s.n[TotalTokens] - prompt - output
	switch {
	case !s.has(TotalTokens):
		if reasoning > output {
			output += reasoning
		}
	case apart < 0:
		u.wrong("usage.total_tokens is less than its parts")
	case apart == 0:
		if reasoning > output && c.reasoningApart {
			output += reasoning
		}
	case s.has(audioSeconds), apart == audio:
		return prompt + apart, output, apart
	case !c.exactTotal && s.isCache(apart) && apart != reasoning:
		prompt += apart
	case !c.exactTotal && !c.NoOutput && s.isReasoning(c, apart, prompt, output):
		output += apart
	default:
		u.wrong("usage.total_tokens is not the sum of its parts")
	}
	return prompt, output, audio
}

// isCache reports whether apart is how many tokens were read from a cache, written to it, or both.
func (s *usageState) isCache(apart int64) bool {
	cached := s.n[CachedTokens]
	written := max(s.n[WrittenTokens], s.n[WrittenShort]+s.n[Written1h]+s.n[Written12h])
	return apart == cached || apart == written || apart == cached+written
}

// isReasoning reports whether apart is the reasoning, or as much of it as the total allows. Where the provider does not state
// the reasoning, a rest is taken for it only if the prompt was counted.
func (s *usageState) isReasoning(c *Call, apart, prompt, output int64) bool {
	reasoning := s.n[ReasoningTokens]
	return apart == reasoning || apart < reasoning && reasoning > output || c.hiddenReasoning && prompt > 0
}

// parts returns the counts of the prompt and of the output. Some hosts report the total of embeddings only.
func (s *usageState) parts(c *Call, u *usage) (prompt, output int64) {
	prompt, output = s.n[PromptTokens], s.n[OutputTokens]
	switch {
	case c.NoOutput && output > 0:
		u.wrong("usage counts output where there is none")
	case c.NoOutput && prompt == 0 && s.has(TotalTokens):
		prompt = s.n[TotalTokens]
	case s.has(PromptTokens) && (s.has(OutputTokens) || c.NoOutput):
	default:
		u.wrong("usage lacks a count of the prompt or of the output")
	}
	return prompt, output
}

// output counts the output by its kinds. Reasoning is within it.
func (s *usageState) output(output int64, u *usage, to *price.Usage) {
	audio, images, video := s.n[AudioOutTokens], s.n[ImageOutTokens], s.n[VideoOutTokens]
	if audio+images+video > output {
		u.wrong("usage has more output tokens of audio, images and video than output tokens")
	}
	text := max(0, output-audio-images-video)
	to.Output, to.AudioOutput, to.ImageOutput, to.VideoOutput = text, audio, images, video
	to.Reasoning = min(max(s.n[ReasoningTokens], output-s.n[OutputTokens]), text)
}

// input counts the prompt by its kinds. Some hosts report more cached tokens than the prompt has; they bill the cached ones
// and nothing fresh.
func (s *usageState) input(c *Call, prompt, audio int64, u *usage, a *Answer) {
	cached, to := s.n[CachedTokens], &a.Usage
	images := int64(0)
	if c.Operation == Images {
		images = s.n[ImageInTokens] // only here they have a price of their own
	}
	written := s.writes(c, u, a)
	fresh := prompt - cached - written
	if written > 0 && fresh < 0 {
		// The same tokens cannot be read and written. Some hosts charge for both; this usage does not show it.
		fresh = max(0, prompt-max(cached, written))
		to.CacheWrite, to.CacheWrite1h, to.CacheWrite12h = max(0, prompt-cached-fresh), 0, 0
		a.Extras = "it counts tokens as read from a cache and as written to it, and what that costs is not known"
	}
	cachedAudio := s.cachedOf("audio", audio, s.n[CachedAudio], s.has(CachedAudio), prompt-written, u)
	cachedImages := s.cachedOf("images", images, s.n[CachedImages], s.has(CachedImages), prompt-written, u)
	apart := audio - cachedAudio + images - cachedImages
	fresh = max(0, fresh)
	if apart > fresh || cachedAudio+cachedImages > cached {
		u.wrong("usage has more tokens of audio and images than tokens")
	}
	to.Input = max(0, fresh-apart)
	if c.freshImages && written+audio == 0 {
		to.Input = max(to.Input, min(s.n[ImageInTokens], prompt-apart))
	}
	to.CachedInput = max(0, cached-cachedAudio-cachedImages)
	to.AudioInput, to.CachedAudioInput = max(0, audio-cachedAudio), cachedAudio
	to.ImageInput, to.CachedImageInput = max(0, images-cachedImages), cachedImages
}

// cachedOf returns how many of the tokens of a kind were read from a cache: as the usage states it, or as it follows from the
// other counts. prompt is how many tokens can have been read from one.
func (s *usageState) cachedOf(kind string, tokens, stated int64, has bool, prompt int64, u *usage) int64 {
	cached := s.n[CachedTokens]
	most := min(tokens, cached)
	switch {
	case most == 0:
		return 0
	case has:
		if stated > most {
			u.wrong("usage has more cached tokens of " + kind + " than of either")
		}
		return min(stated, most)
	case s.has(cachedText):
		return min(max(0, cached-s.n[cachedText]), most)
	case s.has(audioSeconds):
		return 0 // Mistral counts the audio apart from the prompt, which is what is cached
	}
	least := min(max(0, cached+tokens-prompt), most)
	if least != most {
		u.wrong("usage does not say how much of the " + kind + " was cached")
	}
	return least
}

// writes counts the tokens that were written to a cache by their time to live, and returns how many there are. Where the
// usage does not say it, the time is the one that the request asks for.
func (s *usageState) writes(c *Call, u *usage, a *Answer) (written int64) {
	to := &a.Usage
	written = s.n[WrittenTokens]
	to.CacheWrite, to.CacheWrite1h, to.CacheWrite12h = s.n[WrittenShort], s.n[Written1h], s.n[Written12h]
	stated := to.CacheWrite + to.CacheWrite1h + to.CacheWrite12h
	a.TTLAssumed = false
	switch {
	case written == stated:
	case written == 0:
		written = stated
	case stated > written:
		u.wrong("usage has more tokens written to a cache for some time than were written to it")
	case stated > 0:
		u.wrong("usage does not say for how long all of its tokens were written to a cache")
		to.CacheWrite += written - stated
	default:
		a.TTLAssumed = true
		ttl := c.ttl
		if a.WriteTTL > 0 {
			ttl = `"` + ttlName(a.WriteTTL) + `"`
		}
		switch ttl {
		case "", `"30m"`:
			to.CacheWrite = written
		case `"12h"`:
			to.CacheWrite12h = written
		default:
			to.CacheWrite = written
			a.Extras = "it wrote to a cache for a time whose price is not known"
		}
	}
	return written
}
