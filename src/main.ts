/** argv -> exit status. The only place that ends the process. */
import { dispatch, isBrokenPipe } from "./commands/dispatch.ts";
import { failureText } from "./commands/failure.ts";
import { commands } from "./commands/index.ts";
import { processWorld } from "./commands/process.ts";
import { wantsDebug, wantsJson } from "./commands/verbosity.ts";

const argv = process.argv.slice(2);
const world = processWorld(() => process.exit(130));

// Holds where the process ends with nothing left to do before the verb has.
process.exitCode = 1;

const failureOptions = {
  json: wantsJson(argv, world.environment),
  debug: wantsDebug(argv, world.environment),
};
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (thrown: unknown) => {
    if (isBrokenPipe(thrown)) return;
    // One caller's stray failure must not take a server and everybody's sandboxes down: it is told, and life goes on.
    process.stderr.write(failureText(thrown, failureOptions).text);
  });
}

const status = await dispatch(argv, commands, world);
await Promise.allSettled([world.io.stdout.write(""), world.io.stderr.write("")]);
process.exit(status);
