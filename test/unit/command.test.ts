/** The strict layer over citty: what a command line may say and what it is answered. */
import { expect, test } from "bun:test";
import { parseArguments } from "../../src/commands/arguments.ts";
import { defineVerb, jsonFlag, type Args, type Table } from "../../src/commands/command.ts";
import { PodexecError } from "../../src/errors.ts";
import { call } from "../support/world.ts";

const args = {
  port: { type: "number", value: "PORT", summary: "Port" },
  mode: { type: "enum", options: ["http", "stdio"], default: "http", summary: "Mode" },
  name: { type: "string", default: "box", summary: "Name" },
  env: { type: "strings", value: "K=V", summary: "Variable" },
  build: { type: "boolean", summary: "Build" },
  cache: { type: "boolean", default: true, summary: "Build every layer anew" },
  json: jsonFlag,
  file: { type: "positional", summary: "File" },
} as const satisfies Args;

const parse = (...words: string[]) => parseArguments(words, args, "podexec try");

function refusal(...words: string[]): string {
  try {
    return `accepted: ${JSON.stringify(parse(...words))}`;
  } catch (error) {
    if (!(error instanceof PodexecError) || error.code !== "USAGE") throw error;
    return `${error.message} | ${error.hint}`;
  }
}

test("what is not given has its default or is undefined [cli.values]", () => {
  expect(parse()).toEqual({
    port: undefined,
    mode: "http",
    name: "box",
    env: [],
    build: undefined,
    cache: true,
    json: false,
    file: undefined,
  });
});

test("a value follows its flag or an equals sign [cli.values]", () => {
  expect(parse("--port", "80", "--name=a=b", "--mode=stdio", "x")).toMatchObject({
    port: 80,
    name: "a=b",
    mode: "stdio",
    file: "x",
  });
});

test("a list takes its flag again and again, and values that look like flags after an equals sign [cli.values]", () => {
  expect(parse("--env", "A=1", "--env=--no-B=2", "--env", "").env).toEqual(["A=1", "--no-B=2", ""]);
});

test("a switch is set, negated and written out [cli.values]", () => {
  expect(parse("--build", "--no-cache")).toMatchObject({ build: true, cache: false });
  expect(parse("--no-build", "--cache")).toMatchObject({ build: false, cache: true });
  expect(parse("--build=false")).toMatchObject({ build: false });
});

test("what stands behind -- is one argument's, as it is, where a verb wants it [cli.values, run.words]", () => {
  const own = { image: args.file, rest: { type: "words", summary: "Words" } } as const satisfies Args;
  const words = ["x", "--", "ls", "--help", "a b", "--", ""];
  expect(parseArguments(words, own, "podexec try")).toEqual({ image: "x", rest: ["ls", "--help", "a b", "--", ""] });
  expect(() => parseArguments(["x", "ls"], own, "podexec try")).toThrow('unexpected argument "ls"');
});

test("after -- nothing is a flag [cli.values]", () => {
  expect(parse("--build", "--", "--port")).toMatchObject({ build: true, file: "--port", port: undefined });
});

test.each([
  [["--prot", "80"], "unknown flag --prot for podexec try | Did you mean --port?"],
  [["--no-cach"], "unknown flag --no-cach for podexec try | Did you mean --no-cache?"],
  [["--no-port"], "unknown flag --no-port for podexec try | Did you mean --port?"],
  [["--xyzzy"], "unknown flag --xyzzy for podexec try | `podexec try --help` shows what is accepted."],
  [["-x"], "unknown flag -x for podexec try | `podexec try --help` shows what is accepted."],
  [["--__proto__"], "unknown flag --__proto__ for podexec try | `podexec try --help` shows what is accepted."],
  [["--port"], "--port needs a value | Write --port PORT, or --port=PORT where the value begins with a dash."],
  [
    ["--port", "--build"],
    "--port needs a value | Write --port PORT, or --port=PORT where the value begins with a dash.",
  ],
  [
    ["--port", "80", "--port=81"],
    "--port is given more than once | Give it once; the verb would use only one of them.",
  ],
  [["--port", "8o"], '--port: "8o" is not a number | Such as --port 10.'],
  [["--port="], '--port: "" is not a number | Such as --port 10.'],
  [["--mode", "htp"], '--mode: "htp" is none of http, stdio | Did you mean http?'],
  [["--build=maybe"], '--build is a switch and takes no value, not "maybe" | Write --build alone.'],
  [["--no-build=true"], '--no-build is a switch and takes no value, not "true" | Write --no-build alone.'],
  [["--build", "--no-build"], "--build is given more than once | Give it once; the verb would use only one of them."],
  [["one", "two"], 'unexpected argument "two" for podexec try | `podexec try --help` shows what is accepted.'],
])("%p is refused [cli.strict, cli.unknown]", (words, expected) => {
  expect(refusal(...words)).toBe(expected);
});

test("required and many positionals are counted and checked [cli.strict]", () => {
  const many = { ids: { type: "positionals", required: true, summary: "Ids" } } as const;
  expect(parseArguments(["a", "b"], many, "podexec x")).toEqual({ ids: ["a", "b"] });
  expect(() => parseArguments([], many, "podexec x")).toThrow("IDS is missing for podexec x");
  const shell = { shell: { type: "positional", options: ["bash", "zsh"], summary: "Shell" } } as const;
  expect(() => parseArguments(["bsh"], shell, "podexec x")).toThrow('SHELL: "bsh" is none of bash, zsh');
});

const table: Table = {
  try: {
    summary: "Try something",
    load: async () =>
      defineVerb({
        args,
        details: "At length.",
        run: async ({ args, io }) => io.stdout.write(JSON.stringify(args.env)),
      }),
  },
  fail: {
    summary: "Fail",
    load: async () =>
      defineVerb({
        args: { json: jsonFlag, kind: { type: "string", summary: "Kind" } },
        async run({ args, signal }) {
          if (args.kind === "bug") throw new TypeError("x is undefined\nsecond line");
          if (args.kind === "status") return 7;
          if (args.kind === "pipe") throw Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
          signal.throwIfAborted();
          throw new PodexecError("PORT_IN_USE", "port 80 is in use", { hint: "Choose another.", details: "a\nb" });
        },
      }),
  },
  sessions: {
    summary: "Sessions",
    verbs: { list: { summary: "List", load: async () => defineVerb({ args: {}, run: async () => {} }) } },
  },
};

test("no words, --help, -h and help show the table with status 0 [cli.help, cli.table]", async () => {
  const answers = await Promise.all([[], ["--help"], ["-h"], ["help"]].map((words) => call(table, words)));
  for (const { status, stdout, stderr } of answers) {
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("Usage: podexec VERB [FLAGS]");
    expect(stdout).toMatch(/^ {2}sessions list +List$/m);
  }
});

test("a verb's usage shows with --help anywhere, even beside a mistake [cli.help]", async () => {
  const ways = [
    ["try", "--help"],
    ["try", "--bogus", "-h"],
    ["help", "try"],
  ];
  for (const { status, stdout } of await Promise.all(ways.map((words) => call(table, words)))) {
    expect(status).toBe(0);
    expect(stdout).toContain("Usage: podexec try [FILE] [FLAGS]\n\nTry something.\n\nAt length.\n");
    expect(stdout).toMatch(/^ {2}--mode http\|stdio +Mode \(default http\)$/m);
    expect(stdout).toMatch(/^ {2}--no-cache +Build every layer anew$/m);
  }
});

test("--help behind -- is an argument [cli.values]", async () => {
  expect(await call(table, ["try", "--", "--help"])).toEqual({ status: 0, stdout: "[]", stderr: "" });
});

test.each([
  [["tri"], 'podexec: unknown command "tri"\n  Did you mean "podexec try"?\n'],
  [["sessions", "lst"], 'podexec: unknown command "lst"\n  Did you mean "podexec sessions list"?\n'],
  [["constructor"], 'podexec: unknown command "constructor"\n  `podexec --help` shows what is accepted.\n'],
  [
    ["--build", "try"],
    "podexec: unknown flag --build for podexec\n  Flags stand behind the verb: podexec try --build\n",
  ],
  [["help", "nothing"], 'podexec: unknown command "nothing"\n  `podexec --help` shows what is accepted.\n'],
])("%p is refused with status 2 [cli.unknown]", async (words, stderr) => {
  expect(await call(table, words)).toEqual({ status: 2, stdout: "", stderr });
});

test("a table without a verb shows its verbs, and runs none of them [cli.help]", async () => {
  const { status, stdout } = await call(table, ["sessions"]);
  expect({ status, first: stdout.split("\n")[0] }).toEqual({
    status: 0,
    first: "Usage: podexec sessions VERB [FLAGS]",
  });
});

test("an expected failure is its message, details and hint, and the status of its kind [cli.errors]", async () => {
  const stderr = "podexec: port 80 is in use\n  a\n  b\n  Choose another.\n";
  expect(await call(table, ["fail"])).toEqual({ status: 5, stdout: "", stderr });
});

test("a fault of podexec is one line and how to see the stack [cli.errors]", async () => {
  const { status, stderr } = await call(table, ["fail", "--kind", "bug"]);
  expect({ status, lines: stderr.split("\n").length }).toEqual({ status: 1, lines: 3 });
  expect(stderr).toStartWith("podexec: internal error: x is undefined\n");
  expect(stderr).toContain("PODEXEC_DEBUG=1");
});

test.each([
  ["--log-level debug", ["--log-level", "debug"], {}],
  ["PODEXEC_DEBUG=1", [], { PODEXEC_DEBUG: "1" }],
  ["PODEXEC_LOG_LEVEL=debug", [], { PODEXEC_LOG_LEVEL: "debug" }],
] as [string, string[], Record<string, string>][])(
  "%s shows the stack of a fault [cli.errors]",
  async (_, flags, environment) => {
    const { stderr } = await call(table, ["fail", "--kind", "bug", ...flags], { environment });
    expect(stderr).toContain("command.test.ts:");
  },
);

test("with --json a failure is one object, a wrong flag's too [cli.json]", async () => {
  const { stderr } = await call(table, ["fail", "--json"]);
  expect(JSON.parse(stderr)).toEqual({
    error: { code: "PORT_IN_USE", message: "port 80 is in use", hint: "Choose another.", details: "a\nb" },
  });
  const wrong = await call(table, ["fail", "--json", "--knd"]);
  expect(wrong.status).toBe(2);
  expect(JSON.parse(wrong.stderr)).toMatchObject({ error: { code: "USAGE", hint: "Did you mean --kind?" } });
});

test("a verb's own status is the exit status [cli.errors]", async () => {
  expect(await call(table, ["fail", "--kind", "status"])).toEqual({ status: 7, stdout: "", stderr: "" });
});

test("a reader that has gone is no failure [cli.stdout]", async () => {
  expect(await call(table, ["fail", "--kind", "pipe"])).toEqual({ status: 0, stdout: "", stderr: "" });
});

test("an interrupted verb fails with the interruption, whatever it threw [cli.signals]", async () => {
  const signal = AbortSignal.abort(new PodexecError("INTERRUPTED", "interrupted by SIGTERM"));
  const stderr = "podexec: interrupted by SIGTERM\n";
  expect(await call(table, ["fail", "--kind", "bug"], { signal })).toEqual({ status: 130, stdout: "", stderr });
});

test("a level that does not exist is refused by flag and by variable [cli.strict]", async () => {
  expect((await call(table, ["try", "--log-level", "loud"])).status).toBe(2);
  const { status, stderr } = await call(table, ["try"], { environment: { PODEXEC_LOG_LEVEL: "loud" } });
  expect(status).toBe(2);
  expect(stderr).toStartWith('podexec: PODEXEC_LOG_LEVEL: "loud" is none of silent, error, warn, info, debug\n');
});
