package cachedcontent_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
)

func TestNewErrors(t *testing.T) {
	none := cachedcontent.WithBaseURL
	header := cachedcontent.WithHeader(func(context.Context, http.Header) error { return nil })
	for name, test := range map[string]struct {
		err   error
		field string
	}{
		"no key":            {second(cachedcontent.NewGemini(nil, "")), "apiKey"},
		"a key in lines":    {second(cachedcontent.NewGemini(nil, secretKey+"\n")), "apiKey"},
		"no base URL":       {second(cachedcontent.NewGemini(nil, "k", none(""))), "WithBaseURL"},
		"another scheme":    {second(cachedcontent.NewGemini(nil, "k", none("ftp://x"))), "WithBaseURL"},
		"a key in the URL":  {second(cachedcontent.NewGemini(nil, "k", none("https://x/?key="+secretKey))), "WithBaseURL"},
		"a user in the URL": {second(cachedcontent.NewGemini(nil, "k", none("https://u:"+secretKey+"@x/"))), "WithBaseURL"},
		"no header func":    {second(cachedcontent.NewGemini(nil, "k", cachedcontent.WithHeader(nil))), "WithHeader"},
		"no project":        {second(cachedcontent.NewVertex(nil, "", "global", token)), "project"},
		"a path as project": {second(cachedcontent.NewVertex(nil, "a/b", "global", token)), "project"},
		"no location":       {second(cachedcontent.NewVertex(nil, "p", "", token)), "location"},
		"a host":            {second(cachedcontent.NewVertex(nil, "p", "evil.example/", token)), "location"},
		"no token":          {second(cachedcontent.NewVertex(nil, "p", "global", nil)), "token"},
	} {
		t.Run(name, func(t *testing.T) { asFieldError(t, test.err, test.field) })
	}
	if _, err := cachedcontent.NewGemini(nil, "", header); err != nil {
		t.Error(err)
	}
	if _, err := cachedcontent.NewVertex(nil, "p", "global", nil, header); err != nil {
		t.Error(err)
	}
}

// What a creation looks like on the wire.
func TestRequest(t *testing.T) {
	var got *http.Request
	var body string
	record := roundTrip(func(req *http.Request) (*http.Response, error) {
		got = req
		sent, err := io.ReadAll(req.Body)
		body = string(sent)
		return answer(req, 200, `{"name":"cachedContents/x"}`), err
	})
	hc := &http.Client{Transport: record}
	must := func(c *cachedcontent.Client, err error) *cachedcontent.Client {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	at := func(location string) *cachedcontent.Client {
		return must(cachedcontent.NewVertex(hc, "p", location, token))
	}
	own := cachedcontent.WithHeader(func(_ context.Context, h http.Header) error {
		h.Set("Authorization", "Bearer mine")
		return nil
	})
	for name, test := range map[string]struct {
		client             *cachedcontent.Client
		model              string
		url, header, value string
		modelSent          string
	}{
		"gemini": {
			gemini(t, record), flash, "https://generativelanguage.googleapis.com/v1beta/cachedContents",
			"X-Goog-Api-Key", secretKey, "models/gemini-2.5-flash",
		},
		"a gateway, and a header of its own": {
			gemini(t, record, cachedcontent.WithBaseURL("http://gw:8080/llm/"), own), "models/" + flash,
			"http://gw:8080/llm/v1beta/cachedContents", "Authorization", "Bearer mine", "models/gemini-2.5-flash",
		},
		"vertex global": {
			at("global"), flash, "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/cachedContents",
			"Authorization", "Bearer " + secretToken, "projects/p/locations/global/publishers/google/models/gemini-2.5-flash",
		},
		"vertex region": {
			at("europe-west4"), "publishers/google/models/" + flash,
			"https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/p/locations/europe-west4/cachedContents",
			"Authorization", "Bearer " + secretToken, "projects/p/locations/europe-west4/publishers/google/models/gemini-2.5-flash",
		},
		"vertex eu": {
			at("eu"), "projects/q/locations/eu/publishers/google/models/" + flash,
			"https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/p/locations/eu/cachedContents",
			"Authorization", "Bearer " + secretToken, "projects/q/locations/eu/publishers/google/models/gemini-2.5-flash",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := content()
			c.Model = test.model
			if _, err := test.client.Create(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got.Method != "POST" || got.URL.String() != test.url || got.Header.Get(test.header) != test.value {
				t.Errorf("sent %s %s %v", got.Method, got.URL, got.Header)
			}
			if got.Header.Get("Content-Type") != "application/json" || got.ContentLength != int64(len(body)) || got.GetBody == nil {
				t.Errorf("sent %d bytes of %s, to be sent again: %v", got.ContentLength, got.Header.Get("Content-Type"), got.GetBody != nil)
			}
			if want := `{"model":"` + test.modelSent + `","contents":[{"role":"user","parts":[{"text":"` + book + `"}]}],"ttl":"600s"}`; body != want {
				t.Errorf("sent %.300s", body)
			}
		})
	}
}

// Neither a redirect nor a failure shows the key, or sends the content to another host.
func TestRedirectIsNotFollowed(t *testing.T) {
	n := 0
	c := gemini(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		n++
		return answer(req, 307, "", "Location", "https://evil.example/"), nil
	}))
	_, err := c.Create(t.Context(), content())
	asError(t, err, cachedcontent.Redirected)
	if n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestCredentialsFail(t *testing.T) {
	never := roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("it was sent") })
	broken := errors.New("no metadata server")
	for name, test := range map[string]func(context.Context) (string, error){
		"an error":  func(context.Context) (string, error) { return "", broken },
		"no token":  func(context.Context) (string, error) { return "", nil },
		"two lines": func(context.Context) (string, error) { return secretToken + "\r\nX: y", nil },
	} {
		c, err := cachedcontent.NewVertex(&http.Client{Transport: never}, "p", "global", test)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Delete(t.Context(), "cachedContents/x")
		if err == nil || strings.Contains(err.Error(), "it was sent") || name == "an error" && !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkNoSecret(t, err.Error())
	}
}

// A failure of the transport keeps its cause, and loses URL and key.
func TestTransportFails(t *testing.T) {
	cause := errors.New("connection reset by a proxy that knows " + secretKey)
	_, err := gemini(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, cause })).Create(t.Context(), content())
	if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "cachedcontent: create cache: connection reset") {
		t.Errorf("got %v", err)
	}
	checkNoSecret(t, err.Error())
}

func TestTimesAndCounts(t *testing.T) {
	c := fixed(t, 200, `{"name":"cachedContents/x","model":"models/m","displayName":"d","createTime":"2026-08-19T14:34:12.817004Z",
		"updateTime":"","expireTime":"2026-08-19T14:39:11.796558493+02:00","extra":{"a":[1]},
		"usageMetadata":{"totalTokenCount":"9609","textCount":null,"imageCount":3,"videoDurationSeconds":61,"audioDurationSeconds":"30"}}`)
	got, err := c.Get(t.Context(), "cachedContents/x")
	want := cachedcontent.Cache{
		Name: "cachedContents/x", Model: "models/m", DisplayName: "d",
		Usage:      cachedcontent.Usage{Tokens: 9609, Images: 3, VideoSeconds: 61, AudioSeconds: 30},
		CreateTime: time.Date(2026, 8, 19, 14, 34, 12, 817004000, time.UTC),
	}
	if err != nil || !got.ExpireTime.Equal(time.Date(2026, 8, 19, 12, 39, 11, 796558493, time.UTC)) {
		t.Fatal(got, err)
	}
	if got.ExpireTime = (time.Time{}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
