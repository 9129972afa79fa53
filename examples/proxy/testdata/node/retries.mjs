// Makes one call for each of the cells in CELLS with a client as it comes, its retries included, and prints the results in
// their order, each as a line of JSON. A cell names the client, the base URL of a proxy, and after how many milliseconds the client gives up.
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, streamText } from 'ai';
import { createOpenAI } from '@ai-sdk/openai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';

const apiKey = 'not-needed';
const prompt = 'Who saves?';

const clients = {
  openai: async (url, timeout) => {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, timeout });
    const answer = await client.chat.completions.create({ model: 'gpt-5-mini', messages: [{ role: 'user', content: prompt }] });
    return answer.choices[0].message.content;
  },
  '@anthropic-ai/sdk': async (url, timeout) => {
    const client = new Anthropic({ apiKey, baseURL: url, timeout });
    const answer = await client.messages.create({ model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: prompt }] });
    return answer.content[0].text;
  },
  'ai, OpenAI': (url, timeout) => text(timeout, createOpenAI({ apiKey, baseURL: `${url}/v1` })('gpt-5-mini')),
  'ai, OpenAI, stream': (url, timeout) => streamed(timeout, createOpenAI({ apiKey, baseURL: `${url}/v1` }).chat('gpt-5-mini')),
  'ai, Anthropic': (url, timeout) => text(timeout, createAnthropic({ apiKey, baseURL: `${url}/v1` })('claude-sonnet-4-5')),
  'ai, Google': (url, timeout) => text(timeout, createGoogleGenerativeAI({ apiKey, baseURL: `${url}/v1beta` })('gemini-2.5-flash')),
  '@google/genai': (url, timeout) => genai(url, timeout, {}),
  '@google/genai, retries': (url, timeout) => genai(url, timeout, { retryOptions: { attempts: 3, initialDelay: 0.1 } }),
  '@langchain/openai': async (url, timeout) => {
    const model = new ChatOpenAI({ apiKey, model: 'gpt-5-mini', timeout, maxRetries: 2, configuration: { baseURL: `${url}/v1` } });
    return (await model.invoke(prompt)).content;
  },
  // A client that repeats a request whatever the answer is, and at once.
  'fetch in a loop': async (url, timeout) => {
    const body = JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: prompt }] });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` };
    let error;
    for (let i = 0; i < 4; i++) {
      try {
        const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body, signal: AbortSignal.timeout(timeout) });
        const value = await answer.json();
        if (answer.ok) return value.choices[0].message.content;
        error = Object.assign(new Error(value.error.message), { status: answer.status });
      } catch (e) {
        error = e;
      }
    }
    throw error;
  },
};

async function text(timeout, model) {
  return (await generateText({ model, prompt, timeout })).text;
}

async function streamed(timeout, model) {
  let all = '', failure;
  const answer = streamText({ model, prompt, timeout, onError: ({ error }) => { failure = error; } });
  for await (const part of answer.textStream) all += part;
  if (failure) throw failure;
  return all;
}

async function genai(url, timeout, options) {
  const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url, timeout, ...options } });
  return (await client.models.generateContent({ model: 'gemini-2.5-flash', contents: prompt })).text;
}

async function result({ client, url, timeout }) {
  const line = { text: '', error: '', status: 0 };
  try {
    line.text = await clients[client](url, timeout);
  } catch (e) {
    e = e.lastError ?? e;
    line.error = `${e.name}: ${e.message}`;
    line.status = e.status ?? e.statusCode ?? 0;
  }
  return JSON.stringify(line);
}

// Those that give up early come last, when everything is loaded: their requests must be sent before that.
const cells = JSON.parse(process.env.CELLS);
const lines = [];
for (const early of [false, true]) {
  await Promise.all(cells.map(async (cell, i) => {
    if (cell.timeout < 10_000 === early) lines[i] = await result(cell);
  }));
}
console.log(lines.join('\n'));
