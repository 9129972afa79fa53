package wire

import (
	"encoding/hex"
	"fmt"
	urlpkg "net/url"
	"slices"
	"strings"
	"testing"
)

// prefixOf reads the prefix of a body.
func prefixOf(t testing.TB, shape *PrefixShape, body string) Prefix {
	t.Helper()
	r := NewPrefixReader(shape)
	defer r.Release()
	r.Write([]byte(body))
	p := *r.Prefix()
	p.Elements = slices.Clone(p.Elements)
	return p
}

// TestPrefixShapes has every dialect say where its requests have their context.
func TestPrefixShapes(t *testing.T) {
	for url, want := range map[string]*PrefixShape{
		prefixGenerateURL: generatePrefix,
		prefixVertexURL:   generatePrefix,
		"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse": generatePrefix,
		prefixChatURL: googleChatPrefix,
		"https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi/chat/completions": googleChatPrefix,
		prefixOpenAIURL:                       chatPrefix,
		"https://api.openai.com/v1/responses": responsesPrefix,
		"https://x.openai.azure.com/openai/deployments/d/chat/completions":                      chatPrefix,
		"https://x.openai.azure.com/openai/v1/responses":                                        responsesPrefix,
		"https://api.anthropic.com/v1/messages":                                                 messagesPrefix,
		"https://openrouter.ai/api/v1/chat/completions":                                         chatPrefix,
		"https://api.openai.com/v1/embeddings":                                                  nil,
		"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens":  nil,
		"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:embedContent": nil,
		"https://generativelanguage.googleapis.com/v1beta/interactions":                         nil,
	} {
		u, err := urlpkg.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		_, call, ok := new(Router).Recognise("POST", u)
		if !ok || call.Prefix != want {
			t.Errorf("%s: recognised is %t, and the prefix another one than expected", url, ok)
		}
		if want != nil && call.RequestPaths != nil && call.Prefix.Paths == nil {
			t.Errorf("%s: no paths", url)
		}
	}
}

// TestPrefixFaces has the same text in Google's own API and in a chat: turns and system instruction have the same digests.
func TestPrefixFaces(t *testing.T) {
	google := prefixOf(t, generatePrefix, `{"contents":[{"role":"user","parts":[{"text":"a\nb"}]},{"parts":{"text":"c"},"role":"model"},{"parts":[{"text":"x"},{"text":"y"}]}],"system_instruction":{"role":"x","parts":[{"text":"be"}]}}`)
	chat := prefixOf(t, googleChatPrefix, `{"messages":[{"content":"be","role":"system"},{"role":"user","content":"a\u000ab"},{"role":"assistant","content":[{"text":"c","type":"text"}]},
		{"role":"user","content":[{"type":"text","text":"x"},{"type":"text","text":"y","cache_control":{}}]}]}`)
	if google.Problem != "" || len(google.Elements) != 4 || len(chat.Elements) != 4 {
		t.Fatalf("%+v\n%+v", google, chat)
	}
	for i := range google.Elements {
		if google.Elements[i].Digest != chat.Elements[i].Digest {
			t.Errorf("element %d differs:\n%+v\n%+v", i, google.Elements[i], chat.Elements[i])
		}
	}
}

// TestPrefixDigest holds the digests: processes share caches by them, so they must not change.
func TestPrefixDigest(t *testing.T) {
	p := prefixOf(t, generatePrefix, `{"tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","required":["a"],"x":[1,2.50,true,false,null]}}]}],
		"systemInstruction":{"parts":[{"text":"`+strings.Repeat("long ", 60)+`"}]},"contents":[{"parts":[{"text":"hello"}]}]}`)
	want := []string{
		"fbe8b7c3d47b2072", "51abe2edf6f7ea0c", "2f4402f1bd4f31c7",
	}
	for i, e := range p.Elements {
		if got := hex.EncodeToString(e.Digest[:8]); got != want[i] {
			t.Errorf("element %d has the digest %s, want %s", i, got, want[i])
		}
	}
}

func TestCuts(t *testing.T) {
	const (
		user   = `{"role":"user","parts":[{"text":"a"}]}`
		model  = `{"role":"model","parts":[{"text":"a"}]}`
		call   = `{"role":"model","parts":[{"text":"I look."},{"functionCall":{"name":"f","args":{}}}]}`
		result = `{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}`
		system = `"systemInstruction":{"parts":[{"text":"s"}]},`

		asks     = `{"role":"user","content":"a"}`
		says     = `{"role":"assistant","content":"a"}`
		calls    = `{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}`
		results  = `{"role":"tool","tool_call_id":"1","content":"r"}`
		be       = `{"role":"system","content":"s"}`
		uses     = `{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{}}]}`
		was      = `{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r"}]}`
		function = `{"type":"function_call","call_id":"1","name":"f","arguments":"{}"}`
		output   = `{"type":"function_call_output","call_id":"1","output":"r"}`
	)
	for name, test := range map[string]struct {
		shape *PrefixShape
		head  string
		turns []string
		want  []int
	}{
		"none":                     {generatePrefix, "", nil, nil},
		"a head alone":             {generatePrefix, system, nil, nil},
		"one turn":                 {generatePrefix, "", []string{user}, nil},
		"a head and one turn":      {generatePrefix, system, []string{user}, []int{0}},
		"a conversation":           {generatePrefix, system, []string{user, model, user, model, user}, []int{0, 2, 4}},
		"documents":                {generatePrefix, "", []string{user, user, user}, []int{1, 2}},
		"it ends with the model":   {generatePrefix, "", []string{user, model, user, model}, []int{2}},
		"a call":                   {generatePrefix, "", []string{user, call, result, model, user}, []int{4}},
		"a result is last":         {generatePrefix, system, []string{user, call, result}, []int{0}},
		"a call without a result":  {generatePrefix, "", []string{user, call, user, user}, nil},
		"a call, answered late":    {generatePrefix, "", []string{user, call, user, result, user}, []int{4}},
		"a model begins":           {generatePrefix, system, []string{model, user}, []int{1}},
		"a chat":                   {googleChatPrefix, "", []string{be, asks, says, asks}, []int{0, 2}},
		"members that are null":    {googleChatPrefix, "", []string{asks, `{"role":"assistant","content":"a","tool_calls":null,"function_call":null,"audio":null,"refusal":null}`, asks}, []int{2}},
		"a chat with a call":       {googleChatPrefix, "", []string{be, asks, says, asks, calls, results, asks}, []int{0, 2}},
		"OpenAI's":                 {chatPrefix, "", []string{be, asks, calls, results, says, asks}, []int{0, 4}},
		"Anthropic's":              {messagesPrefix, "", []string{asks, uses, was, says, asks}, []int{4}},
		"OpenAI's responses":       {responsesPrefix, "", []string{asks, function, output, asks}, []int{3}},
		"results in one after all": {generatePrefix, "", []string{user, call, call, result, user}, []int{4}},
	} {
		turns := map[prefixFormat]string{googleFormat: "contents", chatFormat: "messages", messagesFormat: "messages", responsesFormat: "input"}[test.shape.format]
		p := prefixOf(t, test.shape, fmt.Sprintf(`{%s%q:[%s]}`, test.head, turns, strings.Join(test.turns, ",")))
		got := slices.Collect(p.Cuts())
		if p.Problem != "" || !slices.Equal(got, test.want) {
			t.Errorf("%s: cuts %v, want %v (%s)", name, got, test.want, p.Problem)
		}
		last, ok := p.LastCut()
		if ok != (len(test.want) > 0) || ok && last != test.want[len(test.want)-1] {
			t.Errorf("%s: the last cut is %d, %t", name, last, ok)
		}
		for i := -1; i < 8; i++ {
			if p.CanCut(i) != slices.Contains(test.want, i) {
				t.Errorf("%s: CanCut(%d) is %t", name, i, p.CanCut(i))
			}
		}
		p.Problem = "x"
		if _, ok := p.LastCut(); ok {
			t.Errorf("%s: a prefix with a problem can be cut", name)
		}
	}
}

// TestPrefixElements holds what else is known of an element.
func TestPrefixElements(t *testing.T) {
	for name, test := range map[string]struct {
		shape *PrefixShape
		body  string
		at    int
		want  string
		block string // the bytes of the last block
	}{
		"text":          {generatePrefix, `{"contents":[{"parts":[{"text":"abc"},{"text":"d\u00e9"}]}]}`, 0, "user 6 ", `{"text":"d\u00e9"}`},
		"inline data":   {generatePrefix, `{"contents":[{"parts":[{"text":"abc"},{"inline_data":{"mime_type":"a/b","data":"AAAAAAAA"}}]}]}`, 0, "user 3 media", `{"inline_data":{"mime_type":"a/b","data":"AAAAAAAA"}}`},
		"a file":        {generatePrefix, `{"contents":[{"parts":[{"fileData":{"fileUri":"u"}}]}]}`, 0, "user 0 media", `{"fileData":{"fileUri":"u"}}`},
		"a call":        {generatePrefix, `{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"ab":12}}}]}]}`, 0, "model 13 call", `{"functionCall":{"name":"f","args":{"ab":12}}}`},
		"google tools":  {generatePrefix, `{"tools":[{"a":1}, {"b":"c"}]}`, 0, "none 4 ", `{"b":"c"}`},
		"tool config":   {generatePrefix, `{"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`, 0, "none 28 ", ``},
		"a string":      {chatPrefix, `{"messages":[{"role":"user","content":"a\tb"}]}`, 0, "user 3 ", `string text "a\tb"`},
		"chat blocks":   {chatPrefix, `{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:x"}}]}]}`, 0, "user 1 media", `image_url {"type":"image_url","image_url":{"url":"data:x"}}`},
		"chat marked":   {chatPrefix, `{"messages":[{"role":"user","content":[{"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}]}]}`, 0, "user 1 marked", `text {"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}`},
		"a result":      {chatPrefix, `{"messages":[{"role":"tool","tool_call_id":"1","content":"a"}]}`, 0, "tool 2 result", `string text "a"`},
		"system string": {messagesPrefix, `{"system":"be","messages":[]}`, 0, "none 2 ", `string text "be"`},
		"system blocks": {messagesPrefix, `{"system":[{"type":"text","text":"be","cache_control":{"type":"ephemeral"}}],"messages":[]}`, 0, "none 2 marked", `text {"type":"text","text":"be","cache_control":{"type":"ephemeral"}}`},
		"no marker":     {messagesPrefix, `{"system":[{"type":"text","text":"be","cache_control":null}],"messages":[]}`, 0, "none 2 ", `text {"type":"text","text":"be","cache_control":null}`},
		"a marked tool": {messagesPrefix, `{"tools":[{"name":"f"},{"name":"g","cache_control":{"type":"ephemeral"}}]}`, 0, "none 10 marked", `{"name":"g","cache_control":{"type":"ephemeral"}}`},
		"tool result":   {messagesPrefix, `{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"r"}]}]}]}`, 0, "user 2 result", `tool_result {"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"r"}]}`},
		"a document":    {messagesPrefix, `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","data":"AAAA"}}]}]}`, 0, "user 0 media", `document {"type":"document","source":{"type":"base64","data":"AAAA"}}`},
		"own names":     {messagesPrefix, `{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"cache_control":1}}]}]}`, 0, "model 14 call", `tool_use {"type":"tool_use","input":{"cache_control":1}}`},
		"input":         {responsesPrefix, `{"input":"hello"}`, 0, "user 5 ", `string text "hello"`},
		"instructions":  {responsesPrefix, `{"input":[],"instructions":"be"}`, 0, "none 2 ", `string text "be"`},
	} {
		p := prefixOf(t, test.shape, test.body)
		if p.Problem != "" || len(p.Elements) <= test.at {
			t.Errorf("%s: %+v", name, p)
			continue
		}
		e := &p.Elements[test.at]
		var got strings.Builder
		got.WriteString(fmt.Sprintf("%s %d ", map[Role]string{NoRole: "none", User: "user", Model: "model", ToolRole: "tool"}[e.Role], e.Size))
		for flag, set := range map[string]bool{"media": e.Media, "call": e.ToolCall, "result": e.ToolResult, "marked": e.Marked} {
			if set {
				got.WriteString(flag)
			}
		}
		if got.String() != test.want || p.Marked != e.Marked {
			t.Errorf("%s: %q, want %q", name, got.String(), test.want)
		}
		block := ""
		if e.Block.String {
			block = "string "
		}
		if e.Block.Type != "" {
			block += e.Block.Type + " "
		}
		if block += test.body[e.Block.Bytes.From:e.Block.Bytes.To]; block != test.block {
			t.Errorf("%s: the last block is %q, want %q", name, block, test.block)
		}
	}
}

// TestPrefixHints holds by what a report can say why two prefixes differ.
func TestPrefixHints(t *testing.T) {
	tools := func(list string) Element { return prefixOf(t, generatePrefix, `{"tools":[`+list+`]}`).Elements[0] }
	a, b := tools(`{"googleSearch":{}},{"functionDeclarations":[{"name":"f"}]}`), tools(`{"functionDeclarations":[{"name":"f"}]},{"google_search":{}}`)
	if a.Digest == b.Digest || a.Set != b.Set || a.Set == 0 {
		t.Errorf("tools in another order: %d and %d", a.Set, b.Set)
	}
	if c := tools(`{"googleSearch":{}},{"functionDeclarations":[{"name":"g"}]}`); c.Set == a.Set {
		t.Error("other tools have the same set")
	}
}

// TestPrefixTextHints is TestPrefixHints for texts.
func TestPrefixTextHints(t *testing.T) {
	system := func(text string) Element {
		return prefixOf(t, chatPrefix, `{"messages":[{"role":"system","content":"`+text+`"}]}`).Elements[0]
	}
	long := strings.Repeat("Answer in short sentences, and quote what you say. ", 200)
	for _, rest := range []string{"", "x", long} {
		morning, evening := system(`It is 2026-11-29 08:15.\n`+rest), system(`It is 2026-11-30 19:47.\n`+rest)
		if morning.Digest == evening.Digest || morning.Masked != evening.Masked || morning.Masked == 0 {
			t.Errorf("texts that differ in digits: %x and %x", morning.Masked, evening.Masked)
		}
		other := system(`Today is Sunday.\n` + rest)
		if other.Masked == morning.Masked || other.Rest != morning.Rest || other.Rest == 0 {
			t.Errorf("texts with other first lines: %x and %x", other.Rest, morning.Rest)
		}
		if more := system(`Today is Sunday.\n` + rest + "y"); more.Rest == other.Rest || more.Masked == other.Masked {
			t.Error("another text has the same hashes")
		}
	}
	if one := system("one line"); one.Rest != 0 || one.Masked == system("one word").Masked {
		t.Error("one line")
	}
}

func TestPrefixProblems(t *testing.T) {
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"parts":[]},`, n), ",") }
	for name, test := range map[string]struct {
		shape *PrefixShape
		body  string
		want  string // "" is none
	}{
		"empty":                     {generatePrefix, ``, "too early"},
		"no object":                 {generatePrefix, `[]`, "no JSON object"},
		"cut off":                   {generatePrefix, `{"contents":[{"parts":[{"text":"a`, "too early"},
		"after the end":             {generatePrefix, `{"contents":[]} {`, "not valid JSON"},
		"white space after the end": {generatePrefix, "{\"contents\":[]} \r\n\t", ""},
		"nothing of it":             {generatePrefix, `{"model":"m"}`, ""},
		"turns are null":            {generatePrefix, `{"contents":null}`, "no array"},
		"a turn is null":            {generatePrefix, `{"contents":[null]}`, "no object"},
		"parts are null":            {generatePrefix, `{"contents":[{"parts":null}]}`, "no array"},
		"a role is null":            {generatePrefix, `{"contents":[{"role":null,"parts":[]}]}`, "role"},
		"system is null":            {generatePrefix, `{"systemInstruction":null}`, "wrong type"},
		"tools are null":            {chatPrefix, `{"tools":null,"messages":[]}`, "no array"},
		"content is null":           {chatPrefix, `{"messages":[{"role":"assistant","content":null}]}`, ""},
		"turns twice":               {generatePrefix, `{"contents":[],"contents":[]}`, "twice"},
		"turns twice, in escapes":   {generatePrefix, `{"contents":[],"c\u006fntents":[]}`, "twice"},
		"both names":                {generatePrefix, `{"toolConfig":{},"tool_config":{}}`, "twice"},
		"a text twice":              {generatePrefix, `{"contents":[{"parts":[{"text":"a","text":"b"}]}]}`, "twice"},
		"a role twice":              {generatePrefix, `{"contents":[{"role":"user","role":"model"}]}`, "twice"},
		"both names within":         {generatePrefix, `{"contents":[{"parts":[{"inline_data":{},"inlineData":{}}]}]}`, "twice"},
		"both names in arguments":   {generatePrefix, `{"contents":[{"parts":[{"functionCall":{"args":{"mime_type":1,"mimeType":1}}}]}]}`, ""},
		"twice where it is unread":  {generatePrefix, `{"contents":[],"model":{"a":1,"a":1},"model":2}`, ""},
		"no UTF-8":                  {generatePrefix, "{\"contents\":[{\"parts\":[{\"text\":\"a\xc3\"}]}]}", "UTF-8"},
		"no UTF-8, in a long text":  {generatePrefix, "{\"contents\":[{\"parts\":[{\"text\":\"" + strings.Repeat("é", 5000) + "\xa9" + strings.Repeat("é", 5000) + "\"}]}]}", "UTF-8"},
		"no UTF-8 in a name":        {generatePrefix, "{\"tools\":[{\"\xff\":1}]}", "UTF-8"},
		"a surrogate in UTF-8":      {generatePrefix, "{\"contents\":[{\"parts\":[{\"text\":\"\xed\xa0\x80\"}]}]}", "UTF-8"},
		"half of a pair":            {generatePrefix, `{"contents":[{"parts":[{"text":"\ud83d"}]}]}`, "surrogate"},
		"half of a pair and more":   {generatePrefix, `{"contents":[{"parts":[{"text":"\ud83d\u0041"}]}]}`, "surrogate"},
		"the other half":            {generatePrefix, `{"contents":[{"parts":[{"text":"\ude00"}]}]}`, "surrogate"},
		"half in a name":            {generatePrefix, `{"tools":[{"\ud83d":1}]}`, "surrogate"},
		"a bad escape":              {generatePrefix, `{"contents":[{"parts":[{"text":"\x"}]}]}`, "not valid JSON"},
		"a control character":       {generatePrefix, "{\"contents\":[{\"parts\":[{\"text\":\"a\nb\"}]}]}", "not valid JSON"},
		"a bad number":              {generatePrefix, `{"tools":[{"a":01}]}`, "not valid JSON"},
		"a long number":             {generatePrefix, `{"tools":[{"a":` + strings.Repeat("1", 65) + `}]}`, "too long"},
		"a long name":               {generatePrefix, `{"tools":[{"` + strings.Repeat("a", 1025) + `":1}]}`, "too long"},
		"a very long name":          {generatePrefix, `{"tools":[{"` + strings.Repeat("a", 9000) + `":1}]}`, "too long"},
		"2,048 turns":               {generatePrefix, `{"contents":[` + many(2048) + `]}`, ""},
		"2,049 turns":               {generatePrefix, `{"contents":[` + many(2049) + `]}`, "more than 2048"},
		"deep":                      {generatePrefix, `{"tools":[` + strings.Repeat("[", 126) + strings.Repeat("]", 126) + `]}`, ""},
		"too deep":                  {generatePrefix, `{"tools":[` + strings.Repeat("[", 127) + strings.Repeat("]", 127) + `]}`, "too deep"},
		"endlessly deep":            {generatePrefix, `{"contents":[` + strings.Repeat(`{"parts":[`, 100000), "too deep"},
		"many members":              {generatePrefix, `{"tools":[{` + members(2000) + `}]}`, ""},
		"too many members":          {generatePrefix, `{"tools":[{` + members(9000) + `}]}`, "too many members"},
		"a single turn":             {generatePrefix, `{"contents":{"parts":{"text":"a"}}}`, ""},
		"a single turn of a chat":   {chatPrefix, `{"messages":{"role":"user"}}`, "no array"},
		"input":                     {responsesPrefix, `{"input":"a"}`, ""},
		"an earlier response":       {responsesPrefix, `{"input":"a","previous_response_id":"resp_1"}`, "provider holds"},
		"no earlier response":       {responsesPrefix, `{"input":"a","previous_response_id":null,"prompt":null}`, ""},
		"tools by both names":       {chatPrefix, `{"tools":[],"functions":[],"messages":[]}`, "twice"},
		"a system that is a number": {messagesPrefix, `{"system":1,"messages":[]}`, "wrong type"},
	} {
		p := prefixOf(t, test.shape, test.body)
		if test.want == "" && p.Problem != "" || test.want != "" && !strings.Contains(p.Problem, test.want) {
			t.Errorf("%s: problem %q, want %q", name, p.Problem, test.want)
		}
	}
}

// members returns n members of an object.
func members(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"m%d":%d`, i, i))
	}
	return strings.Join(all, ",")
}

// TestPrefixMemory reads requests of 1 MB: none of it may be kept.
func TestPrefixMemory(t *testing.T) {
	for name, test := range prefixBodies() {
		body := []byte(test.body)
		r := NewPrefixReader(test.shape)
		for p := body; len(p) > 0; {
			n := min(len(p), 32<<10)
			r.Write(p[:n])
			p = p[n:]
		}
		if held := cap(r.canon.buf) + cap(r.canon.scratch); held > 32<<10 {
			t.Errorf("%s: it holds %d bytes", name, held)
		}
		allocs := testing.AllocsPerRun(10, func() { // with one reader, because the pool may drop what is put into it
			r.reset(test.shape)
			r.Write(body)
			r.Prefix()
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
