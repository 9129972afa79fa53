package main

// A question is one question about the book, and how it is asked.
type question struct {
	text   string
	by     sdk
	stream bool
}

// An sdk is one of the SDKs, with the API that it calls.
type sdk int

const (
	byGenerativeAI sdk = iota // generative-ai-go, Google's older SDK
	byGenAI                   // genai, Google's newer one
	byGoOpenAI                // go-openai, to Gemini's OpenAI-compatible endpoint
)

func (s sdk) String() string { return [...]string{"generative-ai-go", "genai", "go-openai"}[s] }

// What every request begins with, besides the book itself.
const (
	instruction = "You know this book well. Answer from it alone, in two sentences, and name the part that you rely on."
	ready       = "I have read it. What is your question?"
)

var questions = []question{
	{text: "What does the author say he will not do in this book?", by: byGenerativeAI},
	{text: "How is a ray of light defined?", by: byGenAI},
	{text: "What is refrangibility?", by: byGoOpenAI},
	{text: "How large was the hole in the window-shut?", by: byGenerativeAI, stream: true},
	{text: "Why was the image of the sun long and not round?", by: byGenAI, stream: true},
	{text: "Which colour is refracted most?", by: byGoOpenAI, stream: true},
	{text: "What made the second prism certain?", by: byGenerativeAI},
	{text: "Are the rays themselves coloured?", by: byGenAI},
	{text: "How can white be made of colours?", by: byGoOpenAI},
	{text: "Why do telescopes of glass have a limit?", by: byGenerativeAI},
	{text: "What was the speculum made of?", by: byGenAI},
	{text: "How does a rainbow come to be?", by: byGoOpenAI},
	{text: "What is seen between two lenses that are pressed together?", by: byGenerativeAI},
	{text: "At which thickness of air does the first ring appear?", by: byGenAI},
	{text: "What are fits of easy reflexion?", by: byGoOpenAI},
	{text: "Why is the sky blue, according to the author?", by: byGenerativeAI},
	{text: "What happens to light beside a hair?", by: byGenAI},
	{text: "What do the first seven Queries ask?", by: byGoOpenAI},
	{text: "What does the author think of hypotheses?", by: byGenerativeAI},
	{text: "How does the last Query end?", by: byGenAI},
}
