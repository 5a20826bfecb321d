import { createAnthropic } from "@ai-sdk/anthropic";

import { model } from "./holding.mjs";
import { reportModel } from "./holding_ai_sdk.mjs";

await reportModel((base) => createAnthropic({ baseURL: `${base}/v1`, apiKey: "made-up" })(model));
