package middleware

// A tokenRate says how many tokens a model makes of text, as learned from its answers.
type tokenRate struct{ tokens, bytes int64 }

// The rate before the first answer is a token for 4 bytes. It counts as much as an answer to a prompt of this size.
const (
	priorTokens = 1000
	priorBytes  = 4000
)

// of returns an estimate of the tokens of a text.
func (r tokenRate) of(bytes int64) int64 {
	return bytes * (r.tokens + priorTokens) / (r.bytes + priorBytes)
}

// learn takes an answer into account. What is old counts less and less.
func (r *tokenRate) learn(tokens, bytes int64) {
	if tokens <= 0 || bytes <= 0 || tokens > bytes {
		return
	}
	if r.tokens, r.bytes = r.tokens+tokens, r.bytes+bytes; r.bytes > 1<<26 {
		r.tokens, r.bytes = r.tokens/2, r.bytes/2
	}
}
