package main

import (
	"io"
	"net/http"
	"strconv"
)

// answer is the response to every request: OpenAI's response to a short question on the flex tier, with almost no text.
const answer = `{"id":"chatcmpl-Bq3vKx0Zc8d1","object":"chat.completion","created":1790000000,"model":"gpt-5-2025-08-07",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"No.","refusal":null,"annotations":[]},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":437,"completion_tokens":74,"total_tokens":511,` +
	`"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},` +
	`"completion_tokens_details":{"reasoning_tokens":64,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},` +
	`"service_tier":"flex","system_fingerprint":null}`

// writeAnswer writes the response on a server.
func writeAnswer(rw http.ResponseWriter) {
	h := rw.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(answer)))
	h.Set("X-Request-Id", "req_5f2d9c")
	io.WriteString(rw, answer)
}
