package cachedcontent

import (
	"fmt"
	"mime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A FieldError says which field of a value is wrong, before anything is sent. It never holds content.
type FieldError struct {
	Field   string // such as "Turns[2].Parts[0].MIMEType"
	Value   string // what it is, or a description of it
	Problem string // such as "want a MIME type"
}

// Error names the field, its value and the problem.
func (e *FieldError) Error() string {
	return "cachedcontent: " + e.Field + " is " + e.Value + ": " + e.Problem
}

// MaxBody is the size, in bytes, of the longest request that this package sends to create a cache: 20 MB, which is what the
// Gemini API accepts. The data of parts counts with its base64 encoding, a third more than its own size. On Vertex AI the
// limit is 10 MB. Longer content is uploaded first, or lies in Cloud Storage.
//
// Sources: ai.google.dev, page on file input; cloud.google.com, page on the creation of context caches.
const MaxBody = 20_000_000

const maxVertexBody = 10_000_000

const (
	maxDisplayName     = 128
	maxFileDisplayName = 512
)

// Validate reports what is wrong with a content before anything is sent: the error is a [FieldError]. provider is
// "gemini" or "vertex", whose rules differ.
func (c *Content) Validate(provider string) error {
	checks := []func() error{c.checkModel, c.checkParts, c.checkTools, c.checkLabels, func() error { return checkExpiry(c.TTL, c.ExpireTime) }}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return c.checkProvider(provider)
}

// invalid returns the error for a field. value must not be content.
func invalid(field, value, problem string) error { return &FieldError{field, value, problem} }

func (c *Content) checkModel() error {
	name := lastSegment(c.Model)
	switch {
	case name == "":
		return invalid("Model", strconv.Quote(c.Model), "it is empty; want a name such as gemini-2.5-flash")
	case !plain(c.Model, "/-._@:"):
		return invalid("Model", strconv.Quote(c.Model), "want a model's name")
	case !ExplicitCaching(c.Model):
		return invalid("Model", strconv.Quote(c.Model), "it has no explicit caching: Gemini 4 and later have implicit caching only")
	}
	return nil
}

// ExplicitCaching reports whether a model may have explicit caching. Gemini 2.5 and 3 have it; "not supported for Gemini 4
// Argon and later", says ai.google.dev's page on context caching (2026-11). A name that says no version may have it: the
// provider decides.
func ExplicitCaching(model string) bool {
	name := strings.ToLower(lastSegment(model))
	version, ok := strings.CutPrefix(name, "gemini-")
	if !ok {
		return true
	}
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	major, err := strconv.Atoi(version[:end])
	return err != nil || major < 4
}

func (c *Content) checkParts() error {
	if len(c.System) == 0 && len(c.Turns) == 0 && len(c.Tools) == 0 {
		return invalid("Turns", "none", "the content is empty: want turns, a system instruction or tools")
	}
	for i := range c.System {
		if err := c.System[i].check(fmt.Sprintf("System[%d]", i)); err != nil {
			return err
		}
	}
	for i, t := range c.Turns {
		field := fmt.Sprintf("Turns[%d]", i)
		switch {
		case t.Role != "" && t.Role != "user" && t.Role != "model":
			return invalid(field+".Role", strconv.Quote(shortened(t.Role)), `want "user" or "model"`)
		case len(t.Parts) == 0:
			return invalid(field+".Parts", "none", "want at least one")
		}
		for j := range t.Parts {
			if err := t.Parts[j].check(fmt.Sprintf("%s.Parts[%d]", field, j)); err != nil {
				return err
			}
		}
	}
	return nil
}

// check reports what is wrong with a part.
func (p *Part) check(field string) error {
	set := 0
	for _, is := range []bool{p.Text != "", p.Data != nil, p.FileURI != "", p.Raw != nil} {
		if is {
			set++
		}
	}
	switch {
	case set == 0:
		return invalid(field, "nothing", "it is empty: want one of Text, Data, FileURI and Raw")
	case set > 1:
		return invalid(field, fmt.Sprintf("%d of them", set), "want only one of Text, Data, FileURI and Raw")
	}
	return p.checkValue(field)
}

// checkValue reports what is wrong with the one value that a part has.
func (p *Part) checkValue(field string) error {
	switch {
	case !utf8.ValidString(p.Text):
		return invalid(field+".Text", "bytes", "it is not valid UTF-8")
	case p.Data != nil && len(p.Data) == 0:
		return invalid(field+".Data", "no bytes", "it is empty")
	case p.Data != nil && p.MIMEType == "":
		return invalid(field+".MIMEType", `""`, "data needs a MIME type, such as application/pdf")
	case p.MIMEType != "" && !isMIMEType(p.MIMEType):
		return invalid(field+".MIMEType", strconv.Quote(shortened(p.MIMEType)), "want a MIME type, such as application/pdf")
	case p.FileURI != "" && !isURI(p.FileURI):
		return invalid(field+".FileURI", strconv.Quote(shortened(p.FileURI)), "want a URI, such as https://... or gs://...")
	case p.Raw != nil && (!isObject(p.Raw) || !utf8.Valid(p.Raw)):
		return invalid(field+".Raw", "bytes", "it is not a JSON object")
	}
	return nil
}

func (c *Content) checkTools() error {
	switch {
	case c.Tools != nil && (!isArray(c.Tools) || !utf8.Valid(c.Tools)):
		return invalid("Tools", "bytes", "it is not a JSON array")
	case c.ToolConfig != nil && (!isObject(c.ToolConfig) || !utf8.Valid(c.ToolConfig)):
		return invalid("ToolConfig", "bytes", "it is not a JSON object")
	}
	return nil
}

func (c *Content) checkLabels() error {
	switch n := utf8.RuneCountInString(c.DisplayName); {
	case !utf8.ValidString(c.DisplayName):
		return invalid("DisplayName", "bytes", "it is not valid UTF-8")
	case n > maxDisplayName:
		return invalid("DisplayName", fmt.Sprintf("%d characters", n), fmt.Sprintf("want at most %d", maxDisplayName))
	case !utf8.ValidString(c.KMSKey):
		return invalid("KMSKey", "bytes", "it is not valid UTF-8")
	}
	return nil
}

// checkExpiry reports what is wrong with the expiry of a cache.
func checkExpiry(ttl time.Duration, at time.Time) error {
	switch {
	case ttl != 0 && !at.IsZero():
		return invalid("ExpireTime", at.UTC().Format(time.RFC3339), "TTL is set too: want one of the two")
	case ttl < 0, ttl == 0 && at.IsZero():
		return invalid("TTL", ttl.String(), "want more than 0, or an ExpireTime")
	case at.IsZero():
		return nil
	case !at.After(time.Now()):
		return invalid("ExpireTime", at.UTC().Format(time.RFC3339), "it is in the past")
	case at.UTC().Year() > 9999:
		return invalid("ExpireTime", at.UTC().String(), "want a year of four digits")
	}
	return nil
}

// checkProvider reports what a provider does not have.
func (c *Content) checkProvider(provider string) error {
	if provider != vertexProvider {
		if c.KMSKey != "" {
			return invalid("KMSKey", strconv.Quote(shortened(c.KMSKey)), "only Vertex AI has keys of Cloud KMS for caches")
		}
		return nil
	}
	for i := range c.System {
		if err := c.System[i].checkVertex(fmt.Sprintf("System[%d]", i)); err != nil {
			return err
		}
	}
	for i, t := range c.Turns {
		for j := range t.Parts {
			if err := t.Parts[j].checkVertex(fmt.Sprintf("Turns[%d].Parts[%d]", i, j)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Part) checkVertex(field string) error {
	if strings.Contains(p.FileURI, "://"+geminiHost+"/") && strings.Contains(p.FileURI, "/files/") {
		return invalid(field+".FileURI", strconv.Quote(shortened(p.FileURI)), "Vertex AI has no Files API: want a gs:// URI")
	}
	return nil
}

func isMIMEType(s string) bool {
	media, _, err := mime.ParseMediaType(s)
	return err == nil && strings.Contains(media, "/") && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

func isURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	return ok && scheme != "" && rest != "" && utf8.ValidString(s) && !strings.ContainsAny(s, " \t\r\n\x00")
}

// plain reports whether s has only letters, digits and the given other characters.
func plain(s, others string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return true
}

// lastSegment returns what comes after the last slash.
func lastSegment(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// shortened returns the beginning of a value for an error.
func shortened(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
