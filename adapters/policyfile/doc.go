// Package policyfile reads a [policy.Policy] from a YAML file. It is strict: what it does not know, what this version
// cannot enforce, and what would mean something else than it says are errors with file, line and column. A file that
// says nothing gives the zero Policy.
//
// Every key, with the field of [policy.Policy] that it sets. All of them may be left out:
//
//	defaults:
//	  tier:
//	    plan: [flex, standard]       # Tier and Fallback: flex, standard or priority; the second may be none
//	    patience: 30s                # Patience: how long a tier that refuses is asked again; 0s: not at all
//	    flex_minimum: 2m             # FlexMinimum: a call with less time left is not sent on flex; 1ns turns it off
//	    override_body: true          # OverrideBody: the plan replaces a tier that a request's body names
//	  retry:
//	    max_attempts: 5              # MaxAttempts: 1 sends a call once
//	    max_wait: 3m                 # MaxWait: the longest wait before an attempt
//	    max_elapsed: 20m             # MaxElapsed: the age of a call after which no attempt is started
//	    attempt_timeout: 1h30m       # AttemptTimeout: gives up an attempt, which may be billed; 0s: never
//	    quota: 50                    # RetryQuota: failures sent again while nothing succeeds
//	    backoff_base: 250ms          # BackoffBase: the first wait that no server asked for
//	    backoff_max: 20s             # BackoffMax: the longest of them
//	    only_documented: true        # OnlyDocumented: resend only what the provider's documentation says is free
//	    allow_double_billing: false  # AllowDoubleBilling: resend what may have been billed, too
//	  stream:
//	    idle: 5m                     # StreamIdle: how long an answer may go unread
//	    leave: false                 # LeaveStreams: do not ask for the usage of streams
//	rules: # the first that matches a call counts; its keys override the defaults
//	  - match: {provider: openai, operation: chat, model: "gpt-5*", tags: {job: nightly}}
//	    tier: {plan: [flex]}         # no fallback: a plan replaces the whole plan of the defaults
//	    retry: {allow_double_billing: true}
//	    stream: {leave: true}
//	  - match: {provider: gemini}
//	    tier: {fallback: none}       # the fallback alone, in place of plan: its tier stays that of the defaults
//	limits: # each holds back the calls that it matches
//	  - match: {provider: openai}
//	    requests_per_minute: 500     # RequestsPerMinute
//	    burst: 20                    # Burst: how many of them at once after a pause
//	    concurrency: 32              # Concurrency: how many under way at once
//
// A rule or limit without match, or with an empty one, matches every call. In a model, * is any text and ? any one
// character; quote a pattern that begins with one. Durations are Go's, with their unit, and at most 24h. Counts are
// plain decimal numbers, and not 0: where a field's zero value means its default, or no bound, the key is to be left out.
//
// A rule cannot set a key back to false or 0s where the defaults turn it on, as a [policy.Rule] only adds: leave the key
// out of the defaults, and write it in the rules that want it, the last of them perhaps one that matches every call.
//
// Of YAML the file uses mappings, lists and text on one line, in block or flow style, and comments; JSON is read too.
// Anchors, aliases, tags, merge keys, directives, text over several lines, and a second document are errors.
package policyfile
