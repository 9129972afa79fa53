package price

import "strconv"

// Append appends the amount to b, in the form of [Pico.String], without allocating if b has room for 21 bytes.
func (p Pico) Append(b []byte) []byte {
	n := uint64(p)
	if p < 0 {
		b, n = append(b, '-'), -n
	}
	const one = uint64(USD)
	b = strconv.AppendUint(b, n/one, 10)
	fraction := n % one
	if fraction == 0 {
		return b
	}
	// Twelve digits behind the point: a one before them keeps their leading zeros, and then becomes the point.
	at := len(b)
	b = strconv.AppendUint(b, one+fraction, 10)
	b[at] = '.'
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// A Counter is one of the counts of a [Usage], by the name that it has in JSON.
type Counter struct {
	Name  string
	Count *int64
}

// Counters returns all counts of the usage, those without a price of their own too, in the order of their fields.
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

// AppendJSON appends the usage as a JSON object, as [encoding/json.Marshal] writes it.
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
