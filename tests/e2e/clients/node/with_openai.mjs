import OpenAI from "openai";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "made-up" });
try {
  await client.chat.completions.create({
    model,
    messages: [{ role: "user", content: "Hello" }],
  });
  console.log(JSON.stringify({ status: 200, code: null }));
} catch (error) {
  if (!(error instanceof OpenAI.PermissionDeniedError)) throw error;
  console.log(JSON.stringify({ status: error.status, code: error.code }));
}
