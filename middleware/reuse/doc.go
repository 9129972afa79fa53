// Package reuse learns how often, and how soon, the prefixes of prompts are used again, and decides by that which of them to
// keep in a context cache and for how long.
//
// A [Holder] is for providers that sell a cache as an object with a name: it is created at the input price, read at a
// discount, and charged by the hour while it lives (Gemini). It says when to create one, when to extend or delete it, and
// stops when caches lose money.
//
// A [Writer] is for providers that charge for what a prompt writes to their cache (OpenAI, Anthropic). It says whether to write
// a prefix, how much of it and for which time to live.
//
// Neither does any I/O: the caller says what arrives and what became of the advice. Everything is in memory and of
// bounded size. The package sees hashes of prefixes, never their content. It reads no clock: each time is an argument.
//
// How well they decide is measured by benchmarks/cacheeconomics. What was tried is in docs/hold.md.
package reuse
