import Anthropic from "@anthropic-ai/sdk";

import { SCHEMA, TOOLS, model, report } from "./holding.mjs";

const tools = TOOLS.map((name) => ({ name, input_schema: SCHEMA }));
const messages = [{ role: "user", content: "Look." }];

await report(async (base, held) => {
  const client = new Anthropic({ baseURL: base, apiKey: "made-up", maxRetries: 0 });
  const stream = client.messages.stream({ model, messages, tools, max_tokens: 9 });
  for (const block of (await stream.finalMessage()).content)
    if (block.type === "tool_use") held(block.name, block.input);
});
