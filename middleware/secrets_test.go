package middleware

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

func TestWithoutSecrets(t *testing.T) {
	c := transport.Credentials{Authorization: "Bearer sk-secret-1\n", APIKey: "secret-2", XAPIKey: "secret-3", GoogleKey: "AIzasecret-4"}
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("connection refused"), "connection refused"},
		{&url.Error{Op: "Post", URL: "https://h/?key=AIzasecret-5", Err: io.EOF}, "EOF"},
		{fmt.Errorf("pool: %w", &url.Error{Op: "Post", URL: "https://h/?key=AIzasecret-5", Err: io.EOF}), "EOF"},
		{errors.New(`Post "https://h/v1/m:x?alt=sse&key=AIzasecret-5": EOF`), `Post "https://h/v1/m:x?***": EOF`},
		{errors.New("no answer from /v1/m:x?key=AIzasecret-5 in time"), "no answer from /v1/m:x?*** in time"},
		{errors.New(`invalid proxy address "http://me:secret-6@proxy:1/x": no`), `invalid proxy address "http://***@proxy:1/x": no`},
		{errors.New("sent Bearer sk-secret-1, secret-2, secret-3 and AIzasecret-4"), "sent Bearer ***, ***, *** and ***"},
		{errors.New("is that all? yes"), "is that all? yes"},
	} {
		got := withoutSecrets(test.err, c)
		if got.Error() != test.want || strings.Contains(got.Error(), "secret") {
			t.Errorf("%v: %q", test.err, got)
		}
		if errors.Is(test.err, io.EOF) != errors.Is(got, io.EOF) {
			t.Errorf("%v: the cause is lost", test.err)
		}
	}
	if got := withoutSecrets(errors.New("a key"), transport.Credentials{XAPIKey: "k"}); got.Error() != "a key" {
		t.Error(got)
	}
}
