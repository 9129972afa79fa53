package middleware

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// withoutSecrets returns an error of what stands beneath as it may be shown: without its URL, which may hold a key, and
// without the credentials of the call.
func withoutSecrets(err error, c transport.Credentials) error {
	var u *url.Error
	if errors.As(err, &u) && u.Err != nil {
		err = u.Err
	}
	text := err.Error()
	clean := queryInURL.ReplaceAllString(userInURL.ReplaceAllString(text, "$1***@"), "?***")
	for _, secret := range []string{c.Authorization, c.APIKey, c.XAPIKey, c.GoogleKey} {
		if _, token, ok := strings.Cut(strings.TrimSpace(secret), " "); ok {
			secret = token // after "Bearer"
		}
		if secret = strings.TrimSpace(secret); len(secret) >= shortestSecret {
			clean = strings.ReplaceAll(clean, secret, "***")
		}
	}
	if clean == text {
		return err
	}
	return &cleaned{err, clean}
}

// Parts of a URL that may be secret.
var (
	userInURL  = regexp.MustCompile(`(\w://)[^\s/?#"']*@`)
	queryInURL = regexp.MustCompile(`\?[^\s"'=?]*=[^\s"']*`)
)

// shortestSecret is how long a credential is at least, in bytes. A shorter one may stand in an error by chance.
const shortestSecret = 6

// A cleaned error is an error without the secrets of its text.
type cleaned struct {
	error
	text string
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.error }
