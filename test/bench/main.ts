/** `npm run bench`: podexec beside plain `podman exec`, measured in the same run. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { measureAll } from "./run.ts";
import { FULL, QUICK } from "./sizes.ts";
import { ratioOf, toMarkdown, toText } from "./table.ts";

const USAGE = `Usage: npm run bench [-- FLAGS]

  --quick            a small run: shows that everything works, its numbers mean nothing
  --only NAME        only measurements whose name contains NAME; may be repeated
  --executable FILE  measure this podexec, default dist/podexec
  --markdown         print the table as Markdown
  --json FILE        write the rows as JSON too

Ends with status 1 where a full run misses a target.
`;

async function main(argv: string[]): Promise<number> {
  const flag = { type: "boolean", default: false } as const;
  const text = { type: "string" } as const;
  const options = { quick: flag, markdown: flag, help: flag, json: text, executable: text } as const;
  const only = { type: "string", multiple: true, default: [] } as { type: "string"; multiple: true; default: string[] };
  const { values } = parseArgs({ args: argv, options: { ...options, only } });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const startedAt = Date.now();
  const say = (text: string) => process.stderr.write(`bench: ${text}\n`);
  const size = values.quick ? QUICK : FULL;
  const { only: wanted, executable } = values;
  const rows = await measureAll({ size, only: wanted, executable, say, signal: interruption() });
  process.stdout.write(values.markdown ? toMarkdown(rows) : toText(rows));
  if (values.json !== undefined) {
    const told = rows.map((row) => ({ ...row, ratio: ratioOf(row) }));
    writeFileSync(values.json, `${JSON.stringify(told, null, 2)}\n`);
  }
  say(`took ${Math.round((Date.now() - startedAt) / 1000)} s`);
  return values.quick || rows.every((row) => row.target?.met !== false) ? 0 : 1;
}

/** Aborted by Ctrl-C, SIGTERM, and after six minutes. */
function interruption(): AbortSignal {
  const stopping = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => stopping.abort(new Error(`interrupted by ${name}`)));
  }
  const limit = setTimeout(() => stopping.abort(new Error("the bench took more than six minutes")), 360_000);
  limit.unref();
  return stopping.signal;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
