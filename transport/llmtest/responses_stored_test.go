package llmtest_test

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestBackground(t *testing.T) {
	inBubble(t, llmtest.Config{BackgroundDelay: time.Hour}, func(t *testing.T, srv *llmtest.Server) {
		request := input("hi", `"background":true`, `"service_tier":"flex"`)
		r := decode[response](t, mustDo(t, srv, "POST", responsesPath, request, 200).body)
		path := responsesPath + "/" + r.ID
		if r.Status != "queued" || r.Usage != nil || r.Tier != "flex" || !r.Background || len(r.Output) != 0 {
			t.Errorf("got %+v", r)
		}
		<-time.After(time.Hour - 1)
		if r = decode[response](t, mustDo(t, srv, "GET", path, "", 200).body); r.Status != "in_progress" || r.Usage != nil {
			t.Errorf("got %+v", r)
		}
		<-time.After(1)
		for range 2 {
			r = decode[response](t, mustDo(t, srv, "GET", path, "", 200).body)
			checkResponse(t, &r, srv.Meter()[0])
		}
		if r = decode[response](t, mustDo(t, srv, "POST", path+"/cancel", "", 200).body); r.Status != "completed" {
			t.Errorf("got %+v", r)
		}
		if q := srv.Requests(); len(srv.Meter()) != 1 || q[1].Operation != "getResponse" || q[4].Operation != "cancelResponse" {
			t.Errorf("billed %d", len(srv.Meter()))
		}
	})
}

func TestBackgroundCancelled(t *testing.T) {
	inBubble(t, llmtest.Config{BackgroundDelay: time.Hour}, func(t *testing.T, srv *llmtest.Server) {
		request := input("hi", `"background":true`, `"service_tier":"flex"`)
		r := decode[response](t, mustDo(t, srv, "POST", responsesPath, request, 200).body)
		path := responsesPath + "/" + r.ID
		for range 2 {
			r = decode[response](t, mustDo(t, srv, "POST", path+"/cancel", "", 200).body)
			if r.Status != "cancelled" || r.Usage != nil {
				t.Errorf("got %+v", r)
			}
		}
		<-time.After(2 * time.Hour)
		if r = decode[response](t, mustDo(t, srv, "GET", path+"?stream=true", "", 200).body); r.Status != "cancelled" || len(srv.Meter()) != 1 {
			t.Errorf("got %+v", r)
		}
		mustDo(t, srv, "POST", responsesPath, input("hi", `"background":true`, `"store":false`), 400)
	})
}

func TestBackgroundStream(t *testing.T) {
	inBubble(t, llmtest.Config{BackgroundDelay: time.Hour}, func(t *testing.T, srv *llmtest.Server) {
		began := time.Now()
		all := named(t, mustDo(t, srv, "POST", responsesPath, input("hi", `"background":true`, `"stream":true`), 200).body, "\n")
		if time.Since(began) != time.Hour || all[0].Response.Status != "queued" || all[1].Type != "response.queued" {
			t.Errorf("took %v, begins with %+v", time.Since(began), all[0].Response)
		}
		path := responsesPath + "/" + srv.Meter()[0].ID
		rest := named(t, mustDo(t, srv, "GET", path+"?stream=true&starting_after=4", "", 200).body, "\n")
		if len(rest) != len(all)-5 || rest[0].SequenceNumber != 5 || rest[len(rest)-1].Type != "response.completed" || len(srv.Meter()) != 1 {
			t.Errorf("got %d of %d events", len(rest), len(all))
		}
		checkResponse(t, rest[len(rest)-1].Response, srv.Meter()[0])

		// A stream ends when the response is cancelled.
		result := make(chan answer)
		go func() {
			result <- do(t.Context(), srv, "POST", responsesPath, input("hi", `"background":true`, `"stream":true`))
		}()
		<-time.After(time.Minute)
		mustDo(t, srv, "POST", responsesPath+"/"+srv.Meter()[1].ID+"/cancel", "", 200)
		if a := <-result; len(named(t, a.body, "\n")) != 2 {
			t.Errorf("got %s", a.body)
		}
	})
}
