import OpenAI from "openai";
import { report } from "./deeds.mjs";

const settings = {};
if (process.argv[2] === "undici") {
  const undici = await import("undici");
  settings.fetch = undici.fetch;
  settings.fetchOptions = { dispatcher: new undici.EnvHttpProxyAgent() };
}
const client = new OpenAI(settings);
const asked = (words) => ({ model: "gpt-4o-mini", messages: [{ role: "user", content: words }] });

await report(
  async (words) => (await client.chat.completions.create(asked(words))).choices[0].message.content,
  async (words) => {
    let text = "";
    const chunks = await client.chat.completions.create({ ...asked(words), stream: true });
    for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? "";
    return text;
  },
);
