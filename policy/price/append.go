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

// AppendJSON appends the usage as a JSON object, as [encoding/json.Marshal] writes it.
func (u *Usage) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	first := len(b)
	for _, field := range [...]struct {
		name  string
		count int64
	}{
		{`,"input":`, u.Input},
		{`,"cached_input":`, u.CachedInput},
		{`,"cache_write":`, u.CacheWrite},
		{`,"cache_write_1h":`, u.CacheWrite1h},
		{`,"cache_write_12h":`, u.CacheWrite12h},
		{`,"output":`, u.Output},
		{`,"audio_input":`, u.AudioInput},
		{`,"cached_audio_input":`, u.CachedAudioInput},
		{`,"audio_output":`, u.AudioOutput},
		{`,"image_input":`, u.ImageInput},
		{`,"cached_image_input":`, u.CachedImageInput},
		{`,"image_output":`, u.ImageOutput},
		{`,"video_input":`, u.VideoInput},
		{`,"video_output":`, u.VideoOutput},
		{`,"reasoning":`, u.Reasoning},
		{`,"web_searches":`, u.WebSearches},
		{`,"map_searches":`, u.MapSearches},
		{`,"file_searches":`, u.FileSearches},
		{`,"code_sessions":`, u.CodeSessions},
		{`,"requests":`, u.Requests},
		{`,"storage_token_seconds":`, u.StorageTokenSeconds},
	} {
		if field.count == 0 {
			continue
		}
		name := field.name
		if len(b) == first {
			name = name[1:]
		}
		b = strconv.AppendInt(append(b, name...), field.count, 10)
	}
	return append(b, '}')
}
