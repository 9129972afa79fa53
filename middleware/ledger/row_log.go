package ledger

import "log/slog"

// LogValue returns what a log should say of the row, as a group: no key, prompt or answer is in it. Reason, error code and
// why it is unpriced are there only if the row has them.
func (r Row) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("call", r.Call), slog.Int("attempt", r.Attempt),
		slog.String("provider", r.Provider), slog.String("model", r.Model),
		slog.String("outcome", string(r.Outcome)), slog.Int("status", r.Status),
		slog.String("asked_tier", string(r.AskedTier)), slog.String("served_tier", string(r.ServedTier)),
		slog.String("cost_usd", r.Cost.String()), slog.Int64("latency_ms", r.LatencyMS),
	}
	for _, a := range []slog.Attr{
		slog.String("reason", string(r.Reason)), slog.String("error_code", r.ErrorCode), slog.String("unpriced", r.Unpriced),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	return slog.GroupValue(attrs...)
}
