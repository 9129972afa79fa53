// Package policyfile reads a [policy.Policy] from a YAML file, so that a policy can be changed without a new program:
//
//	p, err := policyfile.Load("policy.yaml")
//	stack, err := middleware.New(middleware.WithPolicy(p))
//
// It is strict. An unknown key, a value without its unit, and YAML that could be misread are errors with file, line and column.
// So are a provider or an operation that does not exist, a rule that never counts, two budgets of one name, and a file without
// content, as one that is being written may have none: for the zero Policy, write "defaults: {}".
//
// # Keys
//
// This file has every key, with the field of [policy.Policy], [policy.Limit] or [policy.Budget] that it sets. All keys may be
// left out, except for name, cap_usd, and window or every of a budget; the comments of the fields state the defaults.
//
//	defaults:
//	  tier:
//	    plan: [flex, standard]           # Tier: flex, standard or priority; a second one is the Fallback, and may be none
//	    # fallback: standard             # Fallback: the second tier of a plan, where plan is left out
//	    patience: 30s                    # Patience: how long a tier that is rejected is asked for again; 0s: not at all
//	    flex_minimum: 2m                 # FlexMinimum: a call with less time left is not sent on flex; 1ns turns it off
//	    override_body: true              # OverrideBody: the plan replaces a tier that a request's body names
//	  retry:
//	    max_attempts: 5                  # MaxAttempts: how often a call is sent at most; 1 sends a call once
//	    max_wait: 3m                     # MaxWait: the longest wait before an attempt
//	    max_elapsed: 20m                 # MaxElapsed: the age of a call after which no attempt is started
//	    attempt_timeout: 1h30m           # AttemptTimeout: ends an attempt, which may have been billed; 0s: never
//	    quota: 50                        # RetryQuota: how many failures are sent again while nothing succeeds
//	    backoff_base: 250ms              # BackoffBase: bounds the first wait that no server asked for; doubles with each
//	    backoff_max: 20s                 # BackoffMax: bounds all of these waits
//	    only_documented: true            # OnlyDocumented: send again only what is free by the provider's documentation
//	    allow_double_billing: false      # AllowDoubleBilling: also send again what may have been billed
//	  stream:
//	    idle: 5m                         # StreamIdle: how long the body of an answer may go unread
//	    leave: false                     # LeaveStreams: do not ask for the usage of streams
//	  cache:
//	    mode: auto                       # Cache.Mode: auto creates explicit caches for prefixes that repeat; off
//	    create: before                   # Cache.Create: before: the call waits for the cache that is created; beside: it does not
//	    writes: auto                     # Cache.Writes: auto decides what is written to a cache where writes have a price; off
//	    key: true                        # Cache.Key: set OpenAI's prompt_cache_key by the prefix
//	    compatible: true                 # Cache.Compatible: also use explicit caches on Gemini's OpenAI-compatible endpoint
//	    max_cost_usd: "0.50"             # Cache.MaxCost: the most that one cache may cost, with its storage
//	    max_cost_per_hour_usd: "5"       # Cache.MaxCostPerHour: the most that all caches of a key may cost in an hour
//	    max_live: 20                     # Cache.MaxLive: how many caches of a key may exist at once
//	  class: interactive                 # Class: interactive, or batch: waits for a limit behind those that are interactive
//	rules: # the first that matches a call counts; its keys override the defaults
//	  - match: {provider: openai, operation: chat, model: "gpt-5*", tags: {job: nightly}}
//	    tier: {plan: [flex]}         # no fallback: a plan replaces the whole plan of the defaults
//	    retry: {allow_double_billing: true}
//	    stream: {leave: true}
//	    class: batch
//	  - match: {provider: gemini}
//	    tier: {fallback: none}       # the tier stays that of the defaults
//	    cache: {writes: off}         # the mode stays that of the defaults
//	limits: # each holds back the calls that it matches
//	  - match: {provider: openai}
//	    name: openai-chat                # Name: how errors, logs and a shared store name it
//	    tier: standard                   # Tier: only attempts that ask for this tier
//	    per: [model, "tag:tenant"]       # Per: a limit for each value of these: provider, operation, model, tier, key, tag:NAME
//	    requests_per_minute: 500         # RequestsPerMinute: how many attempts are sent in a minute
//	    burst: 20                        # Burst: how many of them may be sent at once after a pause
//	    tokens_per_minute: 200000        # TokensPerMinute: how many tokens they use in a minute, as the provider counts
//	    input_tokens_per_minute: 150000  # InputTokensPerMinute: the same of input alone
//	    output_tokens_per_minute: 50000  # OutputTokensPerMinute: the same of output alone
//	    token_burst: 40000               # TokenBurst: how many tokens may be used at once after a pause
//	    requests_per_day: 10000          # RequestsPerDay: how many attempts are sent in a day
//	    tokens_per_day: 50000000         # TokensPerDay: how many tokens they use in a day
//	    zone: America/New_York           # Zone: where the day ends; else the provider's zone, if documented, or UTC
//	    concurrency: 32                  # Concurrency: how many attempts may be under way at once
//	    learn: true                      # Learn: take stricter limits over from the provider's answers
//	budgets: # each bounds what the calls that it matches cost
//	  - {name: all, every: month, zone: Europe/Berlin, cap_usd: "500"}
//	  - match: {tags: {job: nightly}}
//	    name: nightly                    # Name: how errors, logs and a shared store name it; needed
//	    per: ["tag:tenant"]              # Per: a budget for each value of these, as in a limit; without key
//	    window: 24h                      # Window: counts what was spent within this time until now: 1m to 8784h
//	    # every: month                   # Every: in place of window, starts anew with each minute, hour, day, week or month
//	    # zone: Europe/Berlin            # Zone: where the day, week or month of every begins; else UTC
//	    cap_usd: "25.00"                 # Cap: what may be spent within the window; needed
//	    warn_percent: 90                 # WarnPercent: the share of the cap from which the log warns; 100: never
//	    cheapest_percent: 95             # CheapestPercent: the share from which calls ask only for the cheapest tier of their plan
//
// A rule, a limit or a budget without match, or with an empty one, matches every call. Every value of a match, those of tags
// included, is a pattern: * is any text and ? is any one character. Quote a pattern that begins with one of them. The name of a
// tag is no pattern. A provider and an operation have to fit one that exists; [Dialects] adds those of a program's own dialects.
//
// A duration is written as Go writes it, with its unit, and is at most 24h; a window is at most 8784h, which is 366 days. A count
// and a percentage are plain decimal numbers, and an amount is one in US dollars, in quotes or without. None is 0 where 0 would
// mean a default or no bound: leave the key out.
//
// A rule cannot set a key back to false or 0s that the defaults set, because a [policy.Rule] only adds. Leave the key
// out of the defaults, and write it in the rules that want it; the last rule may match every call.
//
// # YAML
//
// The file uses mappings, lists and text on one line, in block or flow style, and comments. It may also be JSON. Anchors,
// aliases, tags, merge keys, directives, text over several lines, and a second document are errors.
package policyfile
