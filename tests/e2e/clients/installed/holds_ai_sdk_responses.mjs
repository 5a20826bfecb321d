import { createOpenAI } from "@ai-sdk/openai";
import { jsonSchema, streamText, tool } from "ai";

import { SCHEMA, TOOLS, model as name, report } from "./holding.mjs";

await report(async (base, held) => {
  const run = (called) =>
    tool({
      inputSchema: jsonSchema(SCHEMA),
      execute: async (input) => {
        held(called, input);
        return "done";
      },
    });
  const tools = Object.fromEntries(TOOLS.map((called) => [called, run(called)]));
  const model = createOpenAI({ baseURL: `${base}/v1`, apiKey: "made-up" }).responses(name);
  let failed;
  const onError = ({ error }) => (failed = error);
  const stream = streamText({ model, tools, prompt: "Look.", maxRetries: 0, onError });
  await stream.consumeStream();
  if (failed) throw failed;
});
