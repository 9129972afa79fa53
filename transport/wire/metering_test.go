package wire_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestMetering(t *testing.T) {
	for from, want := range map[string]wire.Metering{
		chatURL:       {Reserves: true, Larger: true, Failures: true},
		azureChatURL:  {Reserves: true},
		anthropicURL:  {WithoutCached: true},
		geminiURL:     {WithoutOutput: true, Failures: true, Zone: "America/Los_Angeles"},
		vertexURL:     {Zone: "America/Los_Angeles"},
		groqURL:       {WithoutCached: true},
		cerebrasURL:   {Holds: true},
		bedrockURL:    {Holds: true, WithoutCached: true},
		mistralURL:    {},
		openRouterURL: {},
	} {
		_, call, ok := recognise(t, http.MethodPost, from)
		if !ok || call.Metering != want {
			t.Errorf("%s: %+v, want %+v", from, call.Metering, want)
		}
	}
}

// A Metering holds or reserves, and its zone is one.
func TestMeteringIsValid(t *testing.T) {
	for _, host := range []string{"api.openai.com", "api.anthropic.com", "api.groq.com", "api.cerebras.ai", "api.mistral.ai", "api.x.ai"} {
		for _, path := range []string{"/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/v1/new"} {
			_, c, ok := recognise(t, http.MethodPost, "https://"+host+path)
			if !ok || c.Operation == wire.CountTokens {
				continue
			}
			if _, err := time.LoadLocation(c.Metering.Zone); err != nil || c.Metering.Reserves && c.Metering.Holds {
				t.Errorf("%s%s: %+v, %v", host, path, c.Metering, err)
			}
			if host == "api.openai.com" && !c.Metering.Reserves {
				t.Errorf("%s%s: %+v", host, path, c.Metering)
			}
		}
	}
}

// A dialect of the program's own says what its provider counts.
func TestCompatibleMetering(t *testing.T) {
	u := &url.URL{Scheme: "https", Host: "llm.example.com", Path: "/v1/chat/completions"}
	own := wire.Metering{Holds: true, Zone: "Europe/Berlin"}
	d := &wire.Compatible{Provider: "mine", Metering: own}
	c, ok := d.Recognise(http.MethodPost, u)
	if !ok || c.Metering != own {
		t.Errorf("%+v", c.Metering)
	}
	c, ok = (&wire.Compatible{Provider: "other"}).Recognise(http.MethodPost, u)
	if !ok || c.Metering != (wire.Metering{}) {
		t.Errorf("%+v", c.Metering)
	}
}

func TestMeteringLocation(t *testing.T) {
	for zone, want := range map[string]string{"": "UTC", "America/Los_Angeles": "America/Los_Angeles", "Nowhere/At All": "UTC"} {
		m := wire.Metering{Zone: zone}
		for range 2 {
			if got := m.Location().String(); got != want {
				t.Errorf("%q: %s, want %s", zone, got, want)
			}
		}
	}
}
