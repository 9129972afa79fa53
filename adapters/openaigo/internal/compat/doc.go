// Package compat has only tests. They run the stack under every major version of openai-go, as its http.Client and as its
// middleware, and under Azure and WebSockets of the newest version. It is a separate module, so that users of package
// openaigo do not get the other versions.
package compat
