package compat

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestAzure(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault, llmtest.ResetAfterAccept)})
	defer server.Close()
	stack, err := middleware.New(middleware.WithBase(server.Transport()))
	if err != nil {
		t.Fatal(err)
	}
	client := openaigo.NewClient("", stack, azure.WithEndpoint("https://me.openai.azure.com", "2024-10-21"), azure.WithAPIKey("az-test"))
	params := openai.ChatCompletionNewParams{Model: "gpt-5-mini", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Who deploys?")}}
	if _, err := client.Chat.Completions.New(t.Context(), params); err != nil {
		t.Fatal(err)
	}
	r, row := server.Requests()[0], stack.Rows()[0]
	if r.Path != "/openai/deployments/gpt-5-mini/chat/completions" || r.Header.Get("Api-Key") != "az-test" || r.Header.Get("Authorization") != "" {
		t.Errorf("request: %+v", r)
	}
	if row.Provider != "azure" || row.Outcome != policy.Billed || row.UsageSource != ledger.Measured || row.ResponseID != server.Meter()[0].ID {
		t.Errorf("row: %+v", row)
	}
	_, err = client.Chat.Completions.New(t.Context(), params, option.WithMaxRetries(2))
	if e, ok := errors.AsType[*openai.Error](err); !ok || e.StatusCode != http.StatusFailedDependency {
		t.Errorf("error %v", err)
	}
	if billed := len(server.Meter()); billed != 2 {
		t.Errorf("%d generations billed, want one for each call", billed)
	}
}

// The SDK opens WebSockets by the stack's http.Client, which does not touch the connection.
func TestWebSocket(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		if _, _, err := conn.Read(r.Context()); err != nil {
			t.Error(err)
			return
		}
		if err := conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"response.created","sequence_number":7}`)); err != nil {
			t.Error(err)
		}
		_, _, _ = conn.Read(r.Context()) // until the client closes it
	}))
	defer server.Close()
	stack, err := middleware.New()
	if err != nil {
		t.Fatal(err)
	}
	client := openaigo.NewClient("sk-test", stack, option.WithBaseURL(server.URL+"/v1"))
	conn, err := client.Responses.Connect(t.Context(), responses.ResponseConnectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SendRaw(t.Context(), json.RawMessage(`{"type":"response.create"}`)); err != nil {
		t.Fatal(err)
	}
	event, err := conn.Recv(t.Context())
	if err != nil || event.Type != "response.created" {
		t.Errorf("event %+v, error %v", event, err)
	}
	if rows := stack.Rows(); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
}
