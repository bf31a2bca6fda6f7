/** The completion scripts of a small table, asked by the real shells; test/e2e has the executable's own. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completion } from "../../src/commands/completion.ts";
import { defineVerb, jsonFlag, type Table } from "../../src/commands/command.ts";
import { openTerminal, type Terminal } from "../support/terminal.ts";
import { run } from "../support/run.ts";
import { call } from "../support/world.ts";

const table: Table = {
  serve: {
    summary: "Serve it's [all]: $(touch /tmp/no) \\ `x`",
    load: async () =>
      defineVerb({
        args: {
          transport: { type: "enum", options: ["http", "stdio"], summary: "How: [it's] reached" },
          port: { type: "number", value: "PORT", summary: "Port" },
          workspace: { type: "string", value: "PATH[:ro]", summary: "Folder" },
          cache: { type: "boolean", default: true, summary: "Build anew" },
        },
        run: async () => {},
      }),
  },
  sessions: {
    summary: "Sessions",
    verbs: {
      list: { summary: "List", load: async () => defineVerb({ args: { json: jsonFlag }, run: async () => {} }) },
      "kill-all": { summary: "Kill", load: async () => defineVerb({ args: {}, run: async () => {} }) },
    },
  },
  completion: { summary: "Completion", load: async () => completion },
};

const folder = mkdtempSync(join(tmpdir(), "podexec-completion-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function scriptFor(shell: "bash" | "zsh" | "fish"): Promise<string> {
  const { status, stdout } = await call(table, ["completion", shell]);
  expect(status).toBe(0);
  const path = join(folder, `podexec.${shell}`);
  writeFileSync(path, stdout);
  return path;
}

/** What bash offers for the last of the words, which it splits at = before it asks. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const quoted = ["podexec", ...words].map((word) => `'${word}'`).join(" ");
  const code = `source ${await scriptFor("bash")}; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _podexec; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await run(["bash", "--norc", "--noprofile", "-c", code], { cwd: folder });
  expect(stderr).toBe("");
  return stdout.split("\n").filter(Boolean);
}

/** What fish offers for a command line, without descriptions. */
async function fishOffers(line: string): Promise<string[]> {
  const code = `source ${await scriptFor("fish")}; complete -C ${JSON.stringify(`podexec ${line}`)}`;
  const { stdout } = await run(["fish", "--no-config", "-c", code], { cwd: folder, env: { XDG_DATA_HOME: folder } });
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((row) => row.split("\t")[0] ?? "")
    .toSorted();
}

async function openZsh(): Promise<Terminal> {
  const zsh = openTerminal(["zsh", "-f", "-i"], { ZDOTDIR: folder, PS1: "> " });
  zsh.type(
    `cd ${folder}; autoload -U compinit; compinit -u -d ${folder}/dump; source ${await scriptFor("zsh")}; echo rea''dy\r`,
  );
  await zsh.shows(/ready/);
  return zsh;
}

/** Fails in CI, where set-up installs every shell; elsewhere a shell that is not there is left out. */
const isMissing = (shell: string) => Bun.which(shell) === null && process.env["CI"] !== "true";

test.each([
  [["se"], ["serve", "sessions"]],
  [
    ["sessions", ""],
    ["list", "kill-all", "--help"],
  ],
  [["sessions", "list", "--j"], ["--json"]],
  [["serve", "--no"], ["--no-cache"]],
  [
    ["serve", "--transport", ""],
    ["http", "stdio"],
  ],
  [["serve", "--transport", "=", "st"], ["stdio"]],
  [
    ["serve", "--transport", "="],
    ["http", "stdio"],
  ],
  [["serve", "--port", ""], []],
  [["serve", "--port", "80", "--w"], ["--workspace"]],
  [["completion", "z"], ["zsh"]],
])("bash offers for %p: %p [cli.completion]", async (words, expected) => {
  expect(await bashOffers(...words)).toEqual(expected);
});

test("bash offers files where a path stands [cli.completion]", async () => {
  writeFileSync(join(folder, "some-file"), "");
  expect(await bashOffers("serve", "--workspace", "some")).toEqual(["some-file"]);
});

test("bash completes on Tab in a terminal, also behind an equals sign [cli.completion]", async () => {
  const bash = openTerminal(["bash", "--norc", "--noprofile", "-i"], { PS1: "> ", INPUTRC: "/dev/null" });
  try {
    bash.type(`source ${await scriptFor("bash")}; echo rea''dy\r`);
    await bash.shows(/ready/);
    bash.type("podexec serv\t--transport=st\t");
    await bash.shows(/podexec serve --transport=stdio/);
  } finally {
    await bash.close();
  }
});

test.skipIf(isMissing("zsh"))(
  "zsh completes verbs, sub-verbs, flags and values on Tab [cli.completion]",
  async () => {
    const zsh = await openZsh();
    try {
      zsh.type("podexec ser\t");
      await zsh.shows(/podexec serve /);
      zsh.type("--transport st\t");
      await zsh.shows(/--transport stdio/);
      zsh.type("\u0015podexec sessions ki\t");
      await zsh.shows(/sessions kill-all/);
      zsh.type("\u0015podexec completion fi\t");
      await zsh.shows(/completion fish/);
    } finally {
      await zsh.close();
    }
  },
  30_000,
);

test.skipIf(isMissing("zsh"))(
  "zsh shows what each verb and flag is for, as it is written [cli.completion]",
  async () => {
    const zsh = await openZsh();
    try {
      zsh.type("podexec \t");
      expect(await zsh.shows(/sessions +-- Sessions/)).toContain("-- Serve it's [all]: $(touch /tmp/no) \\ `x`");
      zsh.type("\u0015podexec serve --\t");
      expect(await zsh.shows(/--workspace +-- Folder/)).toContain("-- How: [it's] reached");
    } finally {
      await zsh.close();
    }
  },
  30_000,
);

test.skipIf(isMissing("fish")).each([
  ["se", ["serve", "sessions"]],
  ["sessions ", ["kill-all", "list"]],
  ["sessions list --j", ["--json"]],
  ["serve --no", ["--no-cache"]],
  ["serve --transport ", ["http", "stdio"]],
  ["serve --transport=s", ["--transport=stdio"]],
  ["completion ", ["bash", "fish", "zsh"]],
])("fish offers for %p: %p [cli.completion]", async (line, expected) => {
  expect(await fishOffers(line)).toEqual(expected);
});
