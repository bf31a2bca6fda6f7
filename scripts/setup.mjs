/**
 * `npm start`, `npm test` and `npm run bench`: set everything up, then run it. Plain JavaScript of Node 20 without
 * dependencies, because it runs before there are any.
 */
import { apt } from "./setup/apt.mjs";
import { build } from "./setup/build.mjs";
import { dependencies } from "./setup/dependencies.mjs";
import { buildImage } from "./setup/image.mjs";
import { runSteps } from "./setup/progress.mjs";
import { foreground } from "./setup/run.mjs";
import { executable, bun } from "./setup/paths.mjs";

const VERBS = {
  start: {
    steps: [apt("run"), dependencies, build, buildImage],
    command: (args) => [executable, "serve", ...args],
  },
  test: {
    steps: [apt("run", "test"), dependencies, build, buildImage],
    command: (args) => [bun, "scripts/test/main.ts", ...args],
  },
  bench: {
    steps: [apt("run"), dependencies, build, buildImage],
    command: (args) => [bun, "test/bench/main.ts", ...args],
  },
};

async function main([name, ...args]) {
  const verb = VERBS[name ?? ""];
  if (!verb) {
    console.error(`set-up: choose one of ${Object.keys(VERBS).join(", ")}`);
    return 2;
  }
  const status = await runSteps(verb.steps);
  return status === 0 ? foreground(verb.command(args)) : status;
}

process.exitCode = await main(process.argv.slice(2));
