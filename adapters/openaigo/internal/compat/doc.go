// Package compat holds tests only: of the stack under every major version of openai-go, put there by its http.Client and
// by its middleware, and under what the newest one has for Azure and WebSockets. It is a module of its own, so that
// nobody who uses package openaigo gets all these.
package compat
