package middleware

import "github.com/skinflint-go/skinflint/policy"

const cacheTooSmall, cacheFreeTier policy.Reason = "cache_too_small", "cache_free_tier"
