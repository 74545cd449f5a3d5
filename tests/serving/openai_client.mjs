// OpenAI's JavaScript client against a server: prints one JSON object of what it got.
// Arguments: base URL, model, a text. Needs the npm package `openai` on NODE_PATH.
import { createRequire } from "node:module";

const OpenAI = createRequire(import.meta.url)("openai");
const [baseURL, model, text] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0 });
const messages = [{ role: "user", content: text }];

const models = await client.models.list();
const chat = await client.chat.completions.create({ model, messages });
const completion = await client.completions.create({ model, prompt: text });
const pieces = [];
let usage = null;
const stream = await client.chat.completions.create({
  model,
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  pieces.push(chunk.choices[0]?.delta?.content ?? "");
  usage = chunk.usage ?? usage;
}
let vector = null;
let refused = null;
try {
  vector = (await client.embeddings.create({ model, input: text })).data[0].embedding.length;
} catch (error) {
  refused = { status: error.status, code: error.code, type: error.type };
}
const unknown = await client.chat.completions
  .create({ model: "nothing", messages })
  .catch((error) => ({ status: error.status, code: error.code, param: error.param }));

console.log(
  JSON.stringify({
    models: models.data.map((one) => one.id),
    chat: chat.choices[0].message.content,
    completion: completion.choices[0].text,
    stream: pieces.join(""),
    usage,
    vector,
    refused,
    unknown,
  }),
);
