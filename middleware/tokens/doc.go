// Package tokens estimates how many tokens a request uses, before it is sent.
package tokens
