package wire

// This file lists what a request may have so that its bytes bound its cost: see [Outline]. Images, files, audio, earlier
// answers and whatever is named by an id are input of an unknown size, and so are thoughts: what is sent of them may be
// shorter than what is charged for. Tools are read apart from it: see [Tools]. Sources: the providers' API references, 2026;
// googleapis/go-genai for both spellings of Google's members.

// chatHarmless are the members of a chat completion, at OpenAI and at providers that are compatible with it. prediction is not
// among them: what of it is not used is charged for as output.
var chatHarmless = MustOutline(`
	model max_tokens max_completion_tokens n stream stream_options{include_usage include_obfuscation}
	messages{
		role name tool_call_id refusal prefix partial
		content{type=text|refusal text refusal cache_control* prompt_cache_breakpoint* ...}
		tool_calls{id index type=function|custom function{name arguments ...} custom{name input ...} ...}
		function_call{name arguments ...} reasoning_content reasoning cache_control* ...
	}
	tools* tool_choice* functions* function_call* parallel_tool_calls
	audio{voice format} modalities=text|audio response_format* reasoning_effort verbosity
	reasoning{effort max_tokens enabled exclude summary} reasoning_format include_reasoning thinking{type budget_tokens} enable_thinking
	service_tier store metadata* user safety_identifier prompt_cache_key prompt_cache_retention
	prompt_cache_options{mode ttl prewarm} cached_content?
	temperature top_p top_k top_a min_p typical_p seed random_seed stop stop_token_ids logit_bias* logprobs top_logprobs
	frequency_penalty presence_penalty repetition_penalty length_penalty ignore_eos min_tokens
	safe_prompt usage{include} extra_body{google{thinking_config* cached_content? safety_settings*}}
	web_search_options* search_parameters*
`)

// completionsHarmless are the members of a text completion.
var completionsHarmless = MustOutline(`
	model prompt suffix max_tokens n best_of stream stream_options{include_usage include_obfuscation}
	temperature top_p top_k min_p seed stop logit_bias* logprobs frequency_penalty presence_penalty repetition_penalty
	service_tier user store metadata*
`)

// embeddingsHarmless are the members of embeddings.
var embeddingsHarmless = MustOutline(`
	model input# inputs# input_type encoding_format dimensions output_dimension output_dtype embedding_types truncate truncation
	task user metadata* service_tier
`)

// responsesItems are the members of an item of a response's input. An item that has an id and no type is a reference to one
// that the provider stores.
const responsesItems = `{
	type=message|function_call|function_call_output|custom_tool_call|custom_tool_call_output id:typed
	role status phase call_id name namespace arguments input
	content{type=input_text|output_text|text|refusal text refusal annotations* logprobs* prompt_cache_breakpoint* ...}
	output{type=input_text|text text ...} ...
}`

// responsesHarmless are the members of a response.
var responsesHarmless = MustOutline(`
	model input` + responsesItems + ` instructions` + responsesItems + `
	max_output_tokens max_tool_calls parallel_tool_calls stream stream_options{include_obfuscation}
	tools* tool_choice* background background_options{completion_window=soonest|2h|8h}
	previous_response_id? conversation? prompt?
	include=file_search_call.results|web_search_call.results|web_search_call.action.sources|message.input_image.image_url|computer_call_output.output.image_url|code_interpreter_call.outputs|reasoning.encrypted_content|message.output_text.logprobs
	reasoning{effort summary generate_summary} text{format* verbosity} truncation
	service_tier store metadata* user safety_identifier prompt_cache_key prompt_cache_retention
	prompt_cache_options{mode ttl prewarm} temperature top_p top_logprobs search_parameters*
`)

// compactHarmless are the members of a compaction.
var compactHarmless = MustOutline(`
	model input` + responsesItems + ` instructions previous_response_id? service_tier
	prompt_cache_key prompt_cache_retention prompt_cache_options{mode ttl prewarm}
`)

// messagesContent is a block of a message of Anthropic's API.
const messagesContent = `{
	type=text|tool_use|tool_result text id name input* tool_use_id is_error cache_control* citations*
	content{type=text text cache_control* citations* ...} ...
}`

// messagesHarmless are the members of a message.
var messagesHarmless = MustOutline(`
	model max_tokens stream messages{role content` + messagesContent + ` ...} system{type=text text cache_control* citations* ...}
	tools* tool_choice* mcp_servers* thinking{type budget_tokens display} output_config{effort format*} output_format*
	stop_sequences temperature top_k top_p metadata* cache_control* service_tier
	speed=standard|fast inference_geo=global anthropic_version
`)

// geminiContent is a content of Google's API.
const geminiContent = `{
	role parts{
		text functionCall{id name args*} function_call{id name args*}
		functionResponse{id name response*} function_response{id name response*} ...
	} ...
}`

// generateConfigMembers are the settings of a generation.
const generateConfigMembers = `{
	maxOutputTokens max_output_tokens candidateCount candidate_count temperature topP top_p topK top_k seed
	stopSequences stop_sequences presencePenalty presence_penalty frequencyPenalty frequency_penalty
	responseMimeType response_mime_type responseSchema* response_schema* responseJsonSchema* response_json_schema*
	responseModalities=TEXT|AUDIO response_modalities=TEXT|AUDIO|text|audio speechConfig* speech_config*
	thinkingConfig* thinking_config* thinking_level thinking_summaries logprobs responseLogprobs response_logprobs
	enableEnhancedCivicAnswers enable_enhanced_civic_answers
	mediaResolution media_resolution audioTimestamp audio_timestamp
}`

// generateHarmless are the members of generateContent.
var generateHarmless = MustOutline(`
	model contents` + geminiContent + ` systemInstruction` + geminiContent + ` system_instruction` + geminiContent + `
	generationConfig` + generateConfigMembers + ` generation_config` + generateConfigMembers + `
	tools* toolConfig* tool_config* safetySettings* safety_settings* labels* store
	cachedContent? cached_content? serviceTier service_tier
`)

// geminiEmbedding are the members of one embedding.
const geminiEmbedding = `
	model content` + geminiContent + ` taskType task_type title outputDimensionality output_dimensionality autoTruncate auto_truncate
	embedContentConfig{taskType title outputDimensionality autoTruncate}
`

// geminiEmbeddingsHarmless are the members of embedContent and of batchEmbedContents.
var geminiEmbeddingsHarmless = MustOutline(geminiEmbedding + ` requests{` + geminiEmbedding + `}#`)

// interactionHarmless are the members of an interaction. An agent is not among them: it may do any amount of work.
var interactionHarmless = MustOutline(`
	model input{type=text text role content{type=text text ...} ...} system_instruction
	generation_config` + generateConfigMembers + ` response_format* response_mime_type response_modalities=text|audio
	tools* stream store background previous_interaction_id? service_tier
`)

// The lists of tools that are the program's own: see [Shape.OwnTools]. What else the request has does not matter here.
var (
	ownTypedTools = MustOutline(`tools{
		type=function|custom name description function* parameters* strict custom* format* input_schema* input_examples* cache_control*
		defer_loading eager_input_streaming
	} ...`)
	ownGoogleTools = MustOutline(`tools{functionDeclarations* function_declarations*} ...`)
)
