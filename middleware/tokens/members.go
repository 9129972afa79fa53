package tokens

// A member is what a member of a request means for the count, by its name.
type member uint8

const (
	textMember      member = iota // text of the prompt, and any that is not listed
	skippedMember                 // no text of the prompt: a setting, an identifier
	roleMember                    // the role of a message
	definingMember                // JSON that the model reads as it is: tools, schemas, arguments
	inputMember                   // text, messages or token numbers
	mimeMember                    // the kind of a medium in the same object
	mediaMember                   // a medium, in base64, or text
	imageMember                   // an image, in base64 or by its address
	audioMember                   // audio
	videoMember                   // video
	documentMember                // a document or file
	referenceMember               // something at an address
)

// memberOf returns the meaning of a member, by its name in a request of any provider.
func memberOf(name []byte) member {
	switch string(name) {
	case "role":
		return roleMember
	case "input", "inputs", "prompt":
		return inputMember
	case "tools", "functions", "input_schema", "inputSchema", "json_schema", "schema", "response_schema", "responseSchema",
		"responseJsonSchema", "response_json_schema", "parameters", "args", "arguments", "response":
		return definingMember
	case "mime_type", "mimeType", "media_type", "format":
		return mimeMember
	case "data", "bytes", "source", "file_data", "fileData", "bytesBase64Encoded", "b64_json":
		return mediaMember
	case "image_url", "image", "images", "input_image", "imageUrl":
		return imageMember
	case "input_audio", "audio_url", "audio":
		return audioMember
	case "video_url", "video":
		return videoMember
	case "document_url", "file", "file_id", "fileId", "file_url", "file_uri", "fileUri":
		return documentMember
	case "url", "uri":
		return referenceMember
	}
	if skipped[string(name)] {
		return skippedMember
	}
	return textMember
}

// mediumOfMember returns the kind of media that a member holds; none if its name does not say.
func mediumOfMember(m member) medium {
	switch m {
	case imageMember:
		return image
	case audioMember:
		return audio
	case videoMember:
		return video
	case documentMember:
		return document
	}
	return noMedium
}

// skipped are members that are no text of the prompt.
var skipped = func() map[string]bool {
	m := make(map[string]bool)
	for _, name := range [...]string{
		"model", "type", "id", "call_id", "tool_call_id", "tool_use_id", "tool_choice", "toolConfig", "tool_config", "index", "user",
		"user_id", "metadata", "labels", "cache_control", "service_tier", "serviceTier", "previous_response_id",
		"previous_interaction_id", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "safety_identifier",
		"signature", "thoughtSignature", "thought_signature", "encrypted_content", "encrypted_reasoning", "detail", "status",
		"filename", "displayName", "display_name", "conversation", "cachedContent", "cached_content", "stop", "stop_sequences",
		"stopSequences", "store", "include", "effort", "reasoning_effort", "verbosity", "summary_type", "encoding_format", "voice",
		"size", "quality", "background", "safetySettings", "safety_settings", "modalities", "responseModalities",
		"response_modalities", "logit_bias", "stream_options", "provider", "models", "transforms", "plugins", "anthropic_version",
		"anthropic_beta", "betas", "container", "truncation", "taskType", "input_type", "embedding_types", "keep_alive", "options",
		"responseMimeType", "response_mime_type", "custom_id", "language", "timestamp_granularities", "response_format_type",
		"annotations", "citations", "logprobs", "item_reference", "phase", "endpoint", "completion_window",
	} {
		m[name] = true
	}
	return m
}()
