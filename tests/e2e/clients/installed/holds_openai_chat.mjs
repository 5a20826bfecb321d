import OpenAI from "openai";

import { SCHEMA, TOOLS, model, report } from "./holding.mjs";

const tools = TOOLS.map((name) => ({ type: "function", function: { name, parameters: SCHEMA } }));
const messages = [{ role: "user", content: "Look." }];

await report(async (base, held) => {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "made-up", maxRetries: 0 });
  const stream = client.chat.completions.stream({ model, messages, tools });
  stream.on("tool_calls.function.arguments.done", (done) => held(done.name, done.arguments));
  for (const choice of (await stream.finalChatCompletion()).choices) {
    for (const call of choice.message.tool_calls ?? [])
      held(call.function.name, call.function.arguments);
  }
});
