package transporttest

import (
	"encoding/hex"
	"slices"
	"strings"
)

// notJSON: a body that is not a JSON object, or is declared to be something else, arrives byte for byte: compressed bodies,
// other media types, arrays, scalars, malformed JSON, empty bodies. Implementations may leave long bodies alone. The item
// cannot know their limits, so it has a long array.
func notJSON(c *check) {
	compressed := "\x1f\x8b\x08\x00" + strings.Repeat("\x00\xff", 40)
	for _, row := range []struct{ name, media, encoding, body string }{
		{"gzip", "application/json", "gzip", compressed},
		{"an encoded body that looks like JSON", "application/json", "aws-chunked", chatBody},
		{"multipart", "multipart/form-data; boundary=b", "", "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n"},
		{"text", "text/plain", "", "model=gpt-5-mini"},
		{"text that looks like JSON", "text/plain", "", chatBody},
		{"binary", "application/octet-stream", "", "\x00\x01\x02{}"},
		{"an array", "application/json", "", "[" + chatBody + "]"},
		{"a long array", "application/json", "", "[" + strings.Repeat("1,", 1<<19) + "1]"},
		{"a string", "application/json", "", `"{}"`},
		{"a number", "application/json", "", "7"},
		{"null", "application/json", "", "null"},
		{"an object that is cut short", "application/json", "", chatBody[:len(chatBody)-1]},
		{"two objects", "application/json", "", chatBody + chatBody},
		{"an object and more", "application/json", "", chatBody + "x"},
		{"a comma too many", "application/json", "", `{"model":"gpt-5-mini",}`},
		{"a byte order mark", "application/json", "", "\ufeff" + chatBody},
		{"nothing", "application/json", "", ""},
		{"white space", "application/json", "", " \n"},
	} {
		f := c.fake(429, 200)
		req := c.chat(row.body)
		req.Header.Set("Content-Type", row.media)
		if row.encoding != "" {
			req.Header.Set("Content-Encoding", row.encoding)
		}
		c.send(c.wrap(f), req)
		if len(f.attempts()) == 0 {
			c.errorf("%s is never sent", row.name)
		}
		for i, got := range f.attempts() {
			if string(got) != row.body {
				c.errorf("%s, attempt %d: sent %s, arrived %s", row.name, i+1, short([]byte(row.body)), short(got))
			}
		}
	}
}

// jsonKept: a JSON object may gain members, and nothing else may change: order, white space within values, numbers, escapes
// and repeated keys stay as they are. A member is not added to an object that has its key, however it is escaped. An
// implementation may replace the value of such a member. Members of nested objects do not count.
func jsonKept(c *check) {
	for _, body := range []string{
		chatBody, streamBody, plainBody,
		`{}`, ` { } `, "{\n}", chatBody + " \r\n\t",
		`{"model":"gpt-5-mini","seed":9007199254740993,"temperature":1e-7,"top_p":1.0,"messages":[]}`,
		`{"messages":[{"role":"user","content":"\u00e9\ud83d\ude00 \/ <b>&amp;"}],"model":"gpt-5-mini"}`,
		`{"mod\u0065l":"gpt-5-mini","messages":[ ]}`,
		`{"model":"gpt-5-mini","messages":[],"user":"a","user":"b"}`,
		`{"model":"gpt-5-mini","messages":[{"content":"{\"service_tier\":1,\"}"}],"metadata":{"a":{"b":[{}]}}}`,
		`{"z":1,"a":2,"model":"gpt-5-mini","":3}`,
		`{"model":"gpt-5-mini","messages":[{"role":"user","content":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}]}`,
	} {
		for i, got := range c.arrivals(body) {
			if wrong := sent([]byte(body), got); wrong != "" {
				c.errorf("attempt %d: %s", i+1, wrong)
			}
		}
	}
	for _, like := range []string{chatBody, plainBody} {
		for _, key := range c.added(like) {
			c.keyKept(like, key)
		}
	}
}

// arrivals sends a body, and returns the bodies that arrive.
func (c *check) arrivals(body string) [][]byte {
	f := c.fake(429, 200)
	c.send(c.wrap(f), c.chat(body))
	if len(f.attempts()) == 0 {
		c.errorf("never sent: %s", body)
	}
	return f.attempts()
}

// added returns the keys that the RoundTripper adds to a body.
func (c *check) added(body string) (keys []string) {
	before, _ := members([]byte(body))
	for _, got := range c.arrivals(body) {
		after, _ := members(got)
		for _, m := range after {
			if count(before, m.key) == 0 && !slices.Contains(keys, m.key) {
				keys = append(keys, m.key)
			}
		}
	}
	return keys
}

// count returns how many members have the key.
func count(in []member, key string) (n int) {
	for _, m := range in {
		if m.key == key {
			n++
		}
	}
	return n
}

// keyKept sends bodies that already have a key that the RoundTripper adds to others.
func (c *check) keyKept(like, key string) {
	rest := like[1:]
	escaped := `\u00` + hex.EncodeToString([]byte(key[:1])) + key[1:]
	for _, body := range []string{
		`{"` + key + `":"auto",` + rest,
		`{"` + key + `":null,` + rest,
		`{"` + escaped + `":"auto",` + rest,
		`{"` + key + `":"auto","` + key + `":"default",` + rest,
		`{"metadata":{"` + key + `":"auto"},` + rest,
	} {
		before, _ := members([]byte(body))
		for i, got := range c.arrivals(body) {
			after, err := members(got)
			if err != nil {
				c.errorf("attempt %d: %v: %s", i+1, err, short(got))
				continue
			}
			if had, has := count(before, key), count(after, key); has > max(had, 1) {
				c.errorf("attempt %d: %q is there %d times: sent %s, arrived %s", i+1, key, has, short([]byte(body)), short(got))
			}
			others := func(in []member) string {
				var b strings.Builder
				for _, m := range in {
					if m.key != key && count(before, m.key) > 0 {
						b.WriteString(m.key + ":" + string(m.value) + ",")
					}
				}
				return b.String()
			}
			if others(before) != others(after) {
				c.errorf("attempt %d: other members have changed: sent %s, arrived %s", i+1, short([]byte(body)), short(got))
			}
		}
	}
}
