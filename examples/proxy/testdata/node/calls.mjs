// Makes calls with OpenAI's SDK as it comes, its own retries included, and prints the result of each as a line of JSON.
import OpenAI from 'openai';

const client = new OpenAI({ apiKey: 'sk-not-needed', baseURL: `${process.env.PROXY}/v1` });
const model = 'gpt-5-mini';

async function call(name, make) {
  let line = { name };
  try {
    line.text = await make(`Call ${name}.`);
  } catch (e) {
    line.error = e.constructor.name;
    line.status = e.status ?? 0;
    line.type = e.type ?? '';
  }
  console.log(JSON.stringify(line));
}

async function chat(content, options) {
  const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content }] }, options);
  return answer.choices[0].message.content;
}

async function streamedChat(content) {
  let text = '';
  for await (const chunk of await client.chat.completions.create({ model, messages: [{ role: 'user', content }], stream: true })) {
    text += chunk.choices[0].delta.content ?? ''; // throws at a chunk that has no choices
  }
  return text;
}

async function response(input) {
  return (await client.responses.create({ model, input })).output_text;
}

async function streamedResponse(input) {
  let text = '';
  for await (const event of await client.responses.create({ model, input, stream: true })) {
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  return text;
}

await call('chat', chat);
await call('falls back', chat);
await call('streamed chat', streamedChat);
await call('response', response);
await call('streamed response', streamedResponse);
await call('lost', chat);
await call('overloaded', chat);
await call('cut stream', streamedChat);
await call('cut answer', chat);
await call('server error', chat);
await call('too slow', (content) => chat(content, { timeout: 500 }));
await call('models', async () => (await client.models.list()).data.map((m) => m.id).join(' '));
await call('last', chat);
