import { createOpenAI } from "@ai-sdk/openai";

import { model } from "./holding.mjs";
import { reportModel } from "./holding_ai_sdk.mjs";

await reportModel((base) => createOpenAI({ baseURL: `${base}/v1`, apiKey: "made-up" }).responses(model));
