import Anthropic from "@anthropic-ai/sdk";
import { report } from "./deeds.mjs";

const client = new Anthropic();
const asked = (words) => ({
  model: "claude-sonnet-4-5",
  max_tokens: 99,
  messages: [{ role: "user", content: words }],
});

await report(
  async (words) => (await client.messages.create(asked(words))).content[0].text,
  async (words) => (await client.messages.stream(asked(words)).finalMessage()).content[0].text,
);
