import OpenAI from "openai";

import { SCHEMA, TOOLS, model, report } from "./holding.mjs";

const tools = TOOLS.map((name) => ({ type: "function", name, parameters: SCHEMA }));

await report(async (base, held) => {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "made-up", maxRetries: 0 });
  const stream = client.responses.stream({ model, input: "Look.", tools });
  for (const item of (await stream.finalResponse()).output)
    if (item.type === "function_call") held(item.name, item.arguments);
});
