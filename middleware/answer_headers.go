package middleware

// refusalHeader names the kind of the [Error] in a response that is not the provider's.
const refusalHeader = "Skinflint-Refusal"

// upstreamHeader is the provider's status in a response that stands for its answer: see [AsFinalResponse].
const upstreamHeader = "Skinflint-Upstream-Status"

// shouldRetry is the header by which SDKs made by Stainless decide whether to send a request again. It outweighs the
// status, 200 included.
const shouldRetry = "X-Should-Retry"
