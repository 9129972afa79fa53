package cachedcontent

import "testing"

// Whatever an answer is, reading it does not panic, and what is read is whole.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"name":"cachedContents/x","createTime":"2026-08-19T14:34:12.817004Z","usageMetadata":{"totalTokenCount":9609}}`))
	f.Add([]byte(`{"cachedContents":[{"name":"cachedContents/x"}],"nextPageToken":"2"}`))
	f.Add([]byte(`{"file":{"name":"files/x","uri":"https://x/files/x","sizeBytes":"10","state":"ACTIVE"}}`))
	f.Add([]byte(`{"name":"files/x","uri":"u","sizeBytes":-1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if c, err := parseCache(body); err == nil && (c.Name == "" || c.Usage.Tokens < 0) {
			t.Errorf("a cache %+v", c)
		}
		if page, err := parsePage(body); err == nil {
			for _, one := range page.Caches {
				if one.Name == "" {
					t.Errorf("a page %+v", page)
				}
			}
		}
		if one, err := parseFile(body); err == nil && (one.Name == "" || one.URI == "" || one.Size < 0) {
			t.Errorf("a file %+v", one)
		}
		if sum := hexSum(string(body)); sum != "" && len(sum) != 64 {
			t.Errorf("a hash %q", sum)
		}
	})
}
