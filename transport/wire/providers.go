package wire

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

var providers = []*provider{
	openAI, gemini, vertex, azure, groq, openRouter, anthropic, deepSeek, mistral, xAI, perplexity, cerebras, moonshot, zai, vercel, bedrock,
}

// unknownHostDialects are asked about requests to unknown hosts: gateways, test servers. A dialect that takes fewer paths
// comes before one that takes more.
var unknownHostDialects = []Dialect{geminiCompatible, openAIChat, unknownHostVertex, unknownHostGemini, unknownHostMessages{newAnthropicMessages("anthropic")}}

// Providers returns the names of the providers that this package knows.
func Providers() []string {
	var names []string
	for _, p := range providers {
		names = append(names, p.name)
	}
	return names
}

// providerNamed returns the provider of a name, or of an alias of it; nil if there is none. Case, spaces and punctuation do not
// matter: Google-Vertex is googlevertex.
func providerNamed(name string) *provider {
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_. /", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	for _, p := range providers {
		if p.name == plain || slices.Contains(p.aliases, plain) {
			return p
		}
	}
	return nil
}

// providersByHost are the providers by their hosts' whole names, and by the ends of these.
var providersByHost, providersByHostEnd = func() (map[string]*provider, map[string]*provider) {
	whole, ends := map[string]*provider{}, map[string]*provider{}
	for _, p := range providers {
		for _, host := range p.hosts {
			if host[0] == '.' || host[0] == '-' {
				ends[host] = p
			} else {
				whole[host] = p
			}
		}
	}
	return whole, ends
}()

// providerOf returns the provider whose host it is; nil for an unknown host.
//
//	api.openai.com                       the whole name
//	us-east5-aiplatform.googleapis.com   its end, from a dash of the first part: -aiplatform.googleapis.com
//	me.openai.azure.com                  its end, from a dot: .openai.azure.com
//	bedrock-mantle.us-east-1.api.aws     its end, from a dot, and its beginning
func providerOf(u *url.URL) *provider {
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if p := providersByHost[name]; p != nil {
		return p
	}
	if p := providerByEnd(name); p != nil && strings.HasPrefix(name, p.begin) {
		return p
	}
	return nil
}

// providerByEnd returns the provider by the end of its host's name.
func providerByEnd(name string) *provider {
	dot := strings.IndexByte(name, '.')
	if dot < 0 {
		return nil
	}
	if dash := strings.LastIndexByte(name[:dot], '-'); dash >= 0 {
		if p := providersByHostEnd[name[dash:]]; p != nil {
			return p
		}
	}
	for end := name[dot:]; ; {
		if p := providersByHostEnd[end]; p != nil {
			return p
		}
		dot := strings.IndexByte(end[1:], '.')
		if dot < 0 {
			return nil
		}
		end = end[1+dot:]
	}
}
