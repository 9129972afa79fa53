package transport_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

func ExampleBase() {
	base := transport.Base()
	base.MaxIdleConnsPerHost = 100 // for a program with many calls at once
	client := &http.Client{Transport: transport.Chain(base, named("log"))}
	fmt.Println(client.Timeout, base.ResponseHeaderTimeout, base.IdleConnTimeout)
	// Output: 0s 0s 30s
}

func TestBase(t *testing.T) {
	b := transport.Base()
	if b.ResponseHeaderTimeout != 0 || b.IdleConnTimeout != transport.BaseIdleTimeout || b.Proxy == nil || !b.ForceAttemptHTTP2 {
		t.Errorf("%+v", b)
	}
	if transport.Base() == b {
		t.Error("Base returns the same transport twice")
	}
}
