package llmtest_test

import (
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// named splits a stream into its events, and checks that names and types agree.
func named(t *testing.T, stream, end string) (events []response) {
	t.Helper()
	for text := range strings.SplitSeq(strings.TrimSuffix(stream, end+end), end+end) {
		name, data, ok := strings.Cut(text, end+"data: ")
		e := decode[response](t, data)
		if !ok || name != "event: "+e.Type {
			t.Fatalf("event %q", text)
		}
		events = append(events, e)
	}
	return events
}

// checkStatusEvents checks the first and the last event of a response, and their tiers.
func checkStatusEvents(t *testing.T, events []response, created, completed string) {
	t.Helper()
	if e := events[0]; e.Type != "response.created" || e.Response.Tier != created || e.Response.Usage != nil || e.Response.Status != "in_progress" {
		t.Errorf("begins with %+v", e)
	}
	if e := events[len(events)-1]; e.Type != "response.completed" || e.Response.Tier != completed {
		t.Errorf("ends in %+v", e)
	}
}

func TestResponsesStream(t *testing.T) {
	for _, tt := range []struct{ asked, created, completed string }{
		{"", "auto", "default"}, {"auto", "auto", "default"}, {"flex", "flex", "flex"}, {"fast", "fast", "priority"},
	} {
		for _, crlf := range []bool{false, true} {
			inBubble(t, llmtest.Config{Chunks: 3, CRLF: crlf}, func(t *testing.T, srv *llmtest.Server) {
				fields := []string{`"stream":true`}
				if tt.asked != "" {
					fields = append(fields, `"service_tier":"`+tt.asked+`"`)
				}
				a := mustDo(t, srv, "POST", responsesPath, input("hi", fields...), 200)
				events := named(t, a.body, map[bool]string{false: "\n", true: "\r\n"}[crlf])
				last := len(events) - 1
				checkStatusEvents(t, events, tt.created, tt.completed)
				checkResponse(t, events[last].Response, srv.Meter()[0])
				var text strings.Builder
				for i, e := range events {
					text.WriteString(e.Delta)
					if e.SequenceNumber != i || i < last && e.Response != nil && (e.Response.Usage != nil || e.Response.Tier != tt.created) {
						t.Errorf("event %d: %+v", i, e)
					}
				}
				if out := events[last].Response.Output; text.String() != out[len(out)-1].Content[0].Text {
					t.Errorf("streamed %q of %+v", text.String(), out)
				}
				if strings.Contains(a.body, "[DONE]") || !srv.Requests()[0].Stream {
					t.Errorf("got %s", a.body)
				}
			})
		}
	}
}

func TestResponsesErrorInStream(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream)}, func(t *testing.T, srv *llmtest.Server) {
		events := named(t, mustDo(t, srv, "POST", responsesPath, input("hi", `"stream":true`), 200).body, "\n")
		e, failed := events[len(events)-2], events[len(events)-1]
		if e.Type != "error" || e.Error.Code != "server_is_overloaded" || failed.Type != "response.failed" || failed.Response.Status != "failed" ||
			failed.Response.Usage != nil || failed.SequenceNumber != len(events)-1 || len(srv.Meter()) != 1 {
			t.Errorf("ends in %+v and %+v", e, failed)
		}
	})
}
