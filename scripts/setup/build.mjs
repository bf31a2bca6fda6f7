import { bun } from "./paths.mjs";
import { quietly } from "./run.mjs";

/** The executable for this host; build.ts itself knows what is unchanged. */
export const build = {
  title: "executable",
  async run() {
    await quietly([bun, "build.ts"]);
    return "dist/podexec is up to date";
  },
};
