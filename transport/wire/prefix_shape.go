package wire

import "github.com/skinflint-go/skinflint/transport"

// A PrefixShape describes where the requests of an operation have their context. Only this package has any.
type PrefixShape struct {
	// Paths are the members to look for in the body, instead of [Shape.RequestPaths], when the prefix is read. They are
	// the same and those that [Dialect.Edit] needs to take a prefix out.
	Paths *transport.Paths

	format   prefixFormat
	turns    transport.Path // of the array that a cache's turns are cut out of
	textOnly bool           // only text can be cached: on Google's compatible APIs, how tools and media are translated is not known
}

// A prefixFormat is a way of writing a context.
type prefixFormat uint8

const (
	googleFormat    prefixFormat = iota // system_instruction, tools, tool_config, contents
	chatFormat                          // tools, tool_choice, messages
	responsesFormat                     // tools, instructions, input
	messagesFormat                      // tools, system, messages
)

// part returns what a member of the body is.
func (s *PrefixShape) part(name []byte) valueKind {
	for _, part := range prefixParts[s.format] {
		if part.name == string(name) && (part.kind != aToolConfig || s.format == googleFormat || s.textOnly) {
			return part.kind
		}
	}
	return unread
}

// prefixParts are the members of a body that are its context, say how that is cached, or say that it begins elsewhere. A
// chat's tool_choice is read where the provider may hold the context in a cache of its own API, which rejects such a member
// beside the cache. "functions" and "function_call" are the older names of tools and tool_choice.
var prefixParts = [...][]struct {
	name string
	kind valueKind
}{
	googleFormat: {{"contents", aTurns}, {"systemInstruction", aSystem}, {"tools", aTools}, {"toolConfig", aToolConfig}},
	chatFormat: {
		{"messages", aTurns}, {"tools", aTools}, {"functions", aTools}, {"tool_choice", aToolConfig}, {"function_call", aToolConfig},
		{"prompt_cache_options", aMarker},
	},
	responsesFormat: {
		{"input", aTurns}, {"instructions", aSystem}, {"tools", aTools}, {"prompt_cache_options", aMarker},
		{"previous_response_id", aReference}, {"conversation", aReference}, {"prompt", aReference},
	},
	messagesFormat: {{"messages", aTurns}, {"system", aSystem}, {"tools", aTools}, {"cache_control", aMarker}},
}

// textTypes are the types of blocks that are the same as a string in their place.
var textTypes = [...]string{chatFormat: "text", responsesFormat: "input_text", messagesFormat: "text"}

// classify says what the member of an object is whose name has been read.
func (r *PrefixReader) classify(l *level, name []byte) {
	switch {
	case r.shape.format == googleFormat:
		r.classifyGoogle(l, name)
	case l.kind == aTurn:
		r.classifyTurn(l, name)
	case l.kind == aBlock:
		r.classifyBlock(l, name)
	case l.kind == aTool && isMarker(name):
		l.member = aMarker
	}
}

func isMarker(name []byte) bool {
	return string(name) == "cache_control" || string(name) == "prompt_cache_breakpoint"
}

// classifyGoogle is classify for Google's own API.
func (r *PrefixReader) classifyGoogle(l *level, name []byte) {
	switch string(name) {
	case "args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "partMetadata":
		l.memberOwn = true
		return
	}
	switch l.kind {
	case aTurn:
		switch string(name) {
		case "parts":
			l.member = aContent
		case "role":
			l.member = aRole
		}
	case aBlock:
		switch string(name) {
		case "functionCall", "toolCall":
			l.marks = callMark
		case "functionResponse", "toolResponse":
			l.marks = resultMark
		case "inlineData", "fileData":
			l.marks, l.memberMedia = mediaMark, true
		}
	}
}

// classifyTurn is classify for a turn in any other API.
func (r *PrefixReader) classifyTurn(l *level, name []byte) {
	switch string(name) {
	case "content":
		l.member = aContent
	case "role":
		l.member = aRole
	case "type":
		if r.shape.format == responsesFormat {
			l.member = aType
		}
	case "tool_calls", "function_call":
		l.marks = callMark
	case "audio":
		l.marks, l.memberMedia = mediaMark, true
	case "cache_control", "prompt_cache_breakpoint":
		l.member = aMarker
	default:
		l.marks = otherMark
	}
}

// classifyBlock is classify for a block in any other API.
func (r *PrefixReader) classifyBlock(l *level, name []byte) {
	switch string(name) {
	case "text":
		l.text = true
	case "type":
		l.member, l.untyped = aType, false
	case "content":
		if r.shape.format == messagesFormat {
			l.member = aContent
		}
	case "image_url", "input_audio", "file", "file_data", "file_id", "file_url", "source", "video_url":
		l.marks, l.memberMedia = mediaMark, true
	case "cache_control", "prompt_cache_breakpoint":
		l.member = aMarker
	}
}

// readType reads the type of a block or of a turn, and reports whether it is the one that need not be written.
func (r *PrefixReader) readType(l *level, name []byte) bool {
	if l.kind == aTurn {
		switch string(name) {
		case "function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call":
			r.element.ToolCall = true
		case "function_call_output", "custom_tool_call_output", "computer_call_output", "local_shell_call_output",
			"shell_call_output", "apply_patch_call_output":
			r.element.ToolResult = true
		}
		return string(name) == "message"
	}
	known := blockType(name)
	switch known {
	case "tool_use":
		r.element.ToolCall = true
	case "tool_result":
		r.element.ToolResult = true
	}
	if len(r.levels)-1 == r.contents {
		r.element.Block.Type = known
	}
	l.typed = string(name) == textTypes[r.shape.format]
	return l.typed
}

// blockType returns the type of a block without an allocation; "" if it is not known.
func blockType(name []byte) string {
	for _, known := range blockTypes {
		if known == string(name) {
			return known
		}
	}
	return ""
}

var blockTypes = []string{
	"text", "image", "image_url", "input_text", "output_text", "input_image", "input_file", "input_audio", "file", "refusal", "document",
	"search_result", "tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use", "web_search_tool_result",
}

// roleOf returns the role of a name.
func roleOf(google bool, name []byte) Role {
	switch string(name) {
	case "user":
		return User
	case "function":
		return FunctionRole
	case "tool":
		return ToolRole
	case "model":
		if google {
			return Model
		}
	case "assistant":
		if !google {
			return Model
		}
	case "system":
		return SystemRole
	case "developer":
		return Developer
	}
	return OtherRole
}

// googleName returns the name of a field in camel case, as in JSON, if it is one of those that stand in a context and the
// name is its other one. Any other name is returned as it is.
func googleName(name []byte) []byte {
	for _, c := range name {
		if c == '_' {
			if camel, ok := googleNames[string(name)]; ok {
				return camel
			}
			break
		}
	}
	return name
}

// googleNames has the fields of contents, tools and tool configs by the other of their names. Source: googleapis, files
// content.proto and cached_content.proto of google.ai.generativelanguage.v1beta, and their likes of google.cloud.aiplatform.v1.
var googleNames = func() map[string][]byte {
	names := make(map[string][]byte)
	for _, name := range []string{
		"system_instruction", "tool_config", "inline_data", "file_data", "mime_type", "file_uri", "display_name",
		"function_call", "function_response", "executable_code", "code_execution_result", "video_metadata", "start_offset",
		"end_offset", "thought_signature", "part_metadata", "media_resolution", "will_continue", "function_declarations",
		"parameters_json_schema", "response_json_schema", "google_search", "google_search_retrieval", "code_execution", "url_context",
		"google_maps", "enterprise_web_search", "computer_use", "file_search", "dynamic_retrieval_config", "dynamic_threshold",
		"time_range_filter", "start_time", "end_time", "function_calling_config", "allowed_function_names", "retrieval_config",
		"lat_lng", "language_code", "enable_widget", "file_search_store_names", "metadata_filter", "top_k",
		"excluded_predefined_functions", "vertex_ai_search", "vertex_rag_store", "exclude_domains",
	} {
		var camel []byte
		for i := 0; i < len(name); i++ {
			if name[i] == '_' {
				i++
				camel = append(camel, name[i]-'a'+'A')
				continue
			}
			camel = append(camel, name[i])
		}
		names[name] = camel
	}
	return names
}()

var (
	generatePrefix = &PrefixShape{
		format: googleFormat, turns: atContents,
		Paths: generateRequests.With("contents", "systemInstruction", "system_instruction", "tools", "toolConfig", "tool_config").
			WithElements(atContents),
	}
	googleChatPrefix = &PrefixShape{
		format: chatFormat, turns: atMessages, textOnly: true,
		Paths: chatRequests.With("messages").WithElements(atMessages),
	}
	chatPrefix      = &PrefixShape{format: chatFormat, Paths: chatRequests}
	responsesPrefix = &PrefixShape{format: responsesFormat, Paths: responsesRequests}
	messagesPrefix  = &PrefixShape{format: messagesFormat, Paths: messagesRequests}
)
