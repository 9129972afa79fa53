package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func Example_answer() {
	a := answer{
		ID:       "question-1",
		Response: &response{Status: 200, RequestID: "req_1", Body: bodyOf([]byte("{\n  \"id\": \"chatcmpl-1\"\n}"))},
		Cost:     ledger.Known(price.MustUSD("0.00015")), Tier: policy.Flex, Attempts: 2, Request: sumText(7),
	}
	line, err := a.encode()
	fmt.Printf("%s%v\n", line, err)
	// Output:
	// {"custom_id":"question-1","response":{"status_code":200,"request_id":"req_1","body":{"id":"chatcmpl-1"}},"error":null,"cost_usd":"0.00015","tier":"flex","attempts":2,"request":"0000000000000007"}
	// <nil>
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		a    answer
		want state
	}{
		{answer{ID: "a", Response: &response{Status: 200, Body: []byte(`{}`)}, Cost: ledger.Known(1)}, answered},
		{answer{ID: "a\"<é\n", Response: &response{Status: 400, Body: []byte(`"x"`)}, Error: &problem{"c", "m"}}, failed},
		{answer{ID: "a", Error: &problem{"c", "m"}, MaybePaid: true, Exposure: ledger.Known(5)}, unclear},
	} {
		c.a.Request = sumText(1<<63 + 5)
		text, err := c.a.encode()
		if err != nil || strings.Count(string(text), "\n") != 1 || !strings.HasPrefix(string(text), lineStart) {
			t.Errorf("%q, %v", text, err)
		}
		id, sum, got, err := decodeAnswer(text)
		if err != nil || id != c.a.ID || sum != 1<<63+5 || got.state() != c.want || got.Cost != c.a.Cost || got.Exposure != c.a.Exposure {
			t.Errorf("%s: %q, %d, %+v, %v", text, id, sum, got, err)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	for text, want := range map[string]string{
		`hello`:                           "it is no answer of this program",
		`{}`:                              "there is no custom_id",
		`{"custom_id":"a","error":{}}`:    "there is no request",
		`{"request":"1"}`:                 "there is no custom_id",
		`{"custom_id":"a","request":"1"}`: "neither a response nor an error",
		`{"custom_id":"a","request":"g","error":{}}`: "there is no request, or it is no hash",
	} {
		if _, _, _, err := decodeAnswer([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestBody(t *testing.T) {
	for body, want := range map[string]string{
		"{\n \"a\": 1.10 }": `{"a":1.10}`,
		"<html>\n":          `"\u003chtml\u003e\n"`,
		"":                  `""`,
		"\"\xff\"":          `"\"` + "\ufffd" + `\""`,
	} {
		if got := bodyOf([]byte(body)); string(got) != want || !json.Valid(got) {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
	}
}

func TestRejection(t *testing.T) {
	for body, want := range map[string]problem{
		`{"error":{"message":"No.","type":"invalid_request_error","code":"bad"}}`:     {"bad", "the provider answered with status 400: No."},
		`{"error":{"message":"No.","type":"invalid_request_error","code":null}}`:      {"invalid_request_error", "the provider answered with status 400: No."},
		`{"error":{"code":400,"message":"No.","status":"INVALID_ARGUMENT"}}`:          {"INVALID_ARGUMENT", "the provider answered with status 400: No."},
		`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`: {"overloaded_error", "the provider answered with status 400: Overloaded"},
		`"<html>"`:             {"http_400", "the provider answered with status 400"},
		`{"error":"No."}`:      {"http_400", "the provider answered with status 400"},
		`{"error":{"code":7}}`: {"http_400", "the provider answered with status 400"},
	} {
		if got := rejection(400, []byte(body)); *got != want {
			t.Errorf("%s: %+v, want %+v", body, *got, want)
		}
	}
}
