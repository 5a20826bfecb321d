// What every program here does: asks for one stream after another, and says what it would run.

const [count, model, ...roots] = process.argv.slice(2);
export { model };

export const TOOLS = ["look", "evil", "other"];
export const SCHEMA = { type: "object", properties: {}, additionalProperties: true };

export async function report(hold) {
  for (const base of roots.flatMap((root) => [...Array(Number(count)).keys()].map((at) => `${root}/${at}`))) {
    const calls = [];
    let error = null;
    try {
      await hold(base, (name, said) => calls.push([name, said ?? null]));
    } catch (raised) {
      error = `${raised.constructor?.name}: ${raised.message}`.slice(0, 300);
    }
    console.log(JSON.stringify({ calls, error }));
  }
}
