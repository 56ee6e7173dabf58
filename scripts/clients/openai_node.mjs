// The official OpenAI client for Node.js against a node.
//
//     node scripts/clients/openai_node.mjs http://127.0.0.1:8080/v1
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const model = "expert:chemistry";
const messages = [{ role: "user", content: "What is the chemical symbol for gold?" }];
const schema = {
  type: "object",
  properties: { city: { enum: ["Paris", "Oslo"] } },
  required: ["city"],
  additionalProperties: false,
};

const steps = {
  async chat() {
    const reply = await client.chat.completions.create({ model: "swarm", messages });
    assert.match(reply.choices[0].message.content, /Au/);
    assert.ok(reply.polymath.plan.tasks.length === 1);
    assert.ok(reply._request_id);
  },
  async stream() {
    const chunks = [];
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) chunks.push(chunk);
    const text = chunks.flatMap((c) => c.choices.map((x) => x.delta.content ?? "")).join("");
    const whole = await client.chat.completions.create({ model, messages });
    assert.equal(text, whole.choices[0].message.content);
    const helper = client.chat.completions.stream({ model, messages });
    assert.equal(await helper.finalContent(), text);
  },
  async tools() {
    const tools = [{ type: "function", function: { name: "get_weather", parameters: schema } }];
    const reply = await client.chat.completions.create({ model, messages, tools, tool_choice: "required" });
    const call = reply.choices[0].message.tool_calls[0];
    assert.ok(["Paris", "Oslo"].includes(JSON.parse(call.function.arguments).city));
  },
  async structuredOutput() {
    const response_format = { type: "json_schema", json_schema: { name: "city", schema } };
    const reply = await client.chat.completions.create({ model, messages, response_format });
    assert.ok(["Paris", "Oslo"].includes(JSON.parse(reply.choices[0].message.content).city));
  },
  async responses() {
    const reply = await client.responses.create({ model: "swarm", input: messages[0].content });
    assert.match(reply.output_text, /Au/);
    const names = [];
    const stream = await client.responses.create({ model, input: messages[0].content, stream: true });
    for await (const event of stream) names.push(event.type);
    assert.equal(names[0], "response.created");
    assert.equal(names.at(-1), "response.completed");
    const helper = client.responses.stream({ model, input: messages[0].content, metadata: { case: "1" } });
    const whole = await helper.finalResponse();
    assert.match(whole.output[0].content[0].text, /Au/);
    assert.deepEqual(whole.metadata, { case: "1" });
    assert.deepEqual(whole.text, { format: { type: "text" } });
  },
  async completions() {
    const reply = await client.completions.create({ model, prompt: messages[0].content });
    assert.match(reply.choices[0].text, /Au/);
  },
  async logProbabilities() {
    const reply = await client.chat.completions.create({ model, messages, logprobs: true, top_logprobs: 2 });
    const tokens = reply.choices[0].logprobs.content;
    assert.equal(tokens.map((token) => token.token).join(""), reply.choices[0].message.content);
    assert.ok(tokens.every((token) => token.top_logprobs.length === 2));
  },
  async embeddings() {
    const reply = await client.embeddings.create({ model: "all-minilm-l6-v2", input: "gold" });
    assert.equal(reply.data[0].embedding.length, 384);
  },
  async models() {
    const names = [];
    for await (const entry of client.models.list()) names.push(entry.id);
    assert.ok(names.includes("swarm") && names.includes(model));
  },
  async errors() {
    const failure = await client.chat.completions.create({ model: "gpt-5", messages }).catch((error) => error);
    assert.ok(failure instanceof OpenAI.NotFoundError);
    const bad = await client.chat.completions.create({ model, messages, temperature: 9 }).catch((error) => error);
    assert.ok(bad instanceof OpenAI.BadRequestError);
    assert.equal(bad.param, "temperature");
    // A token every 200 ms.
    const slow = { model: "expert:arithmetic", messages: [{ role: "user", content: "What is 17 plus 25?" }] };
    const late = await client.chat.completions.create(slow, { timeout: 50 }).catch((error) => error);
    assert.ok(late instanceof OpenAI.APIConnectionTimeoutError, String(late));
  },
  async abort() {
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    stream.controller.abort();
    await assert.doesNotReject(async () => {
      for await (const _ of stream);
    });
  },
  async concurrent() {
    const many = Array.from({ length: 12 }, () => client.chat.completions.create({ model, messages }, { maxRetries: 5 }));
    const texts = (await Promise.all(many)).map((reply) => reply.choices[0].message.content);
    assert.equal(new Set(texts).size, 1);
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(`ok ${name}`);
}
