package wire

import (
	"slices"
	"strings"
)

// What providers say when credit, a spend cap or a day's quota is used up, so that waiting does not help. It is one table for
// all providers, because gateways pass on what others say. Sources: the providers' pages on errors; recorded traffic and
// public issue threads of 2026.

// quotaCodes are codes and types of errors.
var quotaCodes = []string{
	"insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", // OpenAI
	"project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached", "billing_not_active",
	"billing_error",                                              // Anthropic
	"exceeded_current_quota_error",                               // Moonshot
	"insufficient_balance_error", "insufficient_balance", "1008", // MiniMax; DeepSeek
	"1113", "1304", "1308", "1309", "1310", // Z.ai: balance, a day's calls, a plan's hours, an expired plan, a plan's weeks
	"Arrearage", "AllocationQuota.FreeTierOnly", "CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue", // DashScope
	"AccountOverdueError", "AccountOverdue", "SetLimitExceeded", // Volcengine
	"account_overdue", "coupon_insufficient", // Baidu
	"30001",                                                                              // SiliconFlow
	"FailedOperation.ResourcePackExhausted", "FailedOperation.FreeResourcePackExhausted", // Tencent
	"FailedOperation.ServiceStopArrears", "ResourceInsufficient.ChargeResourceExhausted",
	"insufficient_credits", "credit_limit", "credits_exhausted", "out_of_credits", "payment_required", // Together and others
	"insufficient_funds",                                  // Vercel
	"blocked_api_access",                                  // Groq
	"quota_exceeded", "budget_exceeded", "BudgetExceeded", // StepFun, GitHub; LiteLLM
	"QuotaExceeded",                                        // Azure
	"INVALID_PAYMENT_INSTRUMENT", "billing_limit_exceeded", // Bedrock
}

// quotaTexts are parts of messages, in lower case.
var quotaTexts = []string{
	"insufficient balance", "balance is insufficient", "insufficient_balance", "insufficient credit", "insufficient fund", "insufficient_quota",
	"not enough credit", "not enough balance", "requires more credits", "out of credit", "no credits", "any credits",
	"used all available credits", "credit balance is too low", "credit limit exceeded", "cloud credits expired",
	"included credits",                                                                // Hugging Face: "You have exceeded your monthly included credits"
	"prepayment credits",                                                              // Google
	"spending cap",                                                                    // Google
	"billing cap",                                                                     // Google
	"spending limit",                                                                  // xAI, Fireworks
	"spend limit", "spend cap", "billing hard limit", "billing limit", "usage limits", // OpenAI; Anthropic: "your specified API usage limits"
	"reached your usage limit", "key limit exceeded", "budget has been exceeded", "exceededbudget", "exceeded budget",
	"arrear", "overdue", "please recharge", "payment method", "payment instrument", "payment_instrument", "activate payments", "past invoices",
	"account is not active", "resource package", "\u4f59\u989d\u4e0d\u8db3", "\u6b20\u8d39", // Chinese: balance too low; in arrears
	"monthly", "/ month", "/month", "per month", // Anthropic, Cohere: "limited to 1000 API calls / month"
	"call volume quota",                                                                          // Azure's free tier
	"daily free allocation", "daily request limit", "total request limit", "free-models-per-day", // Cloudflare, Baidu, OpenRouter
}

// dayTexts are parts of messages of a limit of a day: waiting for the next one is too long. Source: recorded traffic.
var dayTexts = []string{
	"per day (", "-per-day", // OpenAI, Groq; OpenRouter
	"per 86400s", "byday", // GitHub
	"tokens per day, ", // Bedrock: "Too many tokens per day, please wait before trying again."
}

// hasQuotaCode reports whether the error's code or type is one of quotaCodes.
func (e *apiError) hasQuotaCode() bool {
	return slices.Contains(quotaCodes, e.code) || slices.Contains(quotaCodes, e.kind)
}

// usedUp reports whether the error says that credit, a cap or a quota is used up. A message that says how soon the call may be
// sent again is about a rate, whatever else it says.
func (e *apiError) usedUp() bool {
	if e.hasQuotaCode() {
		return true
	}
	text := strings.ToLower(e.message)
	if contains(text, dayTexts) {
		return true
	}
	if tryAgainIn(text) > 0 || retryIn(text) > 0 || strings.Contains(text, "per minute") || strings.Contains(text, "/ minute") {
		return false
	}
	// The words that OpenAI has for a lack of credit are Google's for any quota.
	return contains(text, quotaTexts) ||
		strings.Contains(text, "exceeded your current quota") && !strings.Contains(text, "google") && !strings.Contains(text, "resource_exhausted") && e.status == ""
}

// contains reports whether a text has one of the parts.
func contains(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
