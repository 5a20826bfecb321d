// The AI SDK with any of its providers: what its tools were called with.
import { jsonSchema, streamText, tool } from "ai";

import { SCHEMA, TOOLS, report } from "./holding.mjs";

export async function reportModel(make) {
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
    let failed;
    const onError = ({ error }) => (failed = error);
    const model = make(base);
    const stream = streamText({ model, tools, prompt: "Look.", maxRetries: 0, onError });
    await stream.consumeStream();
    if (failed) throw failed;
  });
}
