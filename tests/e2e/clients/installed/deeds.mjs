// What every client here does: a call that passes and one that doesn't, whole and as a stream.

const CODE = "FORBIDDEN_WORD";

export async function report(whole, stream) {
  for (const [deed, ask] of Object.entries({ whole, stream })) {
    for (const words of ["Say hello.", "Say xyzzy."]) {
      console.log(JSON.stringify({ deed, ...(await outcome(ask, words)) }));
    }
  }
}

async function outcome(ask, words) {
  try {
    return { text: await ask(words) };
  } catch (error) {
    const said = `${error} ${JSON.stringify(error)} ${error.cause ?? ""}`;
    return { error: error.constructor.name, told: said.includes(CODE) };
  }
}
