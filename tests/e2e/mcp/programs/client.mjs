// Does what the JSON on its standard input says: client.mjs NODE_MODULES URL
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, url] = process.argv.slice(2);
const require = createRequire(`${modules}/x.js`);
const load = (name) => import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/${name}`)));
const { Client } = await load("client/index.js");
const { StreamableHTTPClientTransport } = await load("client/streamableHttp.js");

const steps = JSON.parse(readFileSync(0, "utf8"));
const done = [];
const failure = (error) => ({
  failed: error.constructor.name, message: error.message, code: error.code, data: error.data,
});
const doing = {
  list_tools: (client) => client.listTools(),
  call_tool: (client, name, args) => client.callTool({ name, arguments: args }),
  list_resources: (client) => client.listResources(),
  read_resource: (client, uri) => client.readResource({ uri }),
  get_prompt: (client, name, args) => client.getPrompt({ name, arguments: args }),
};
try {
  const client = new Client({ name: "tests", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  for (const [what, args] of steps) {
    try {
      done.push({ result: await doing[what](client, ...args) });
    } catch (error) {
      done.push(failure(error));
    }
  }
  await client.close();
} catch (error) {
  done.push({ broken: true, ...failure(error) });
}
console.log(JSON.stringify(done));
