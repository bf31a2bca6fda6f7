/** The executable's own completion, by the real bash; test/unit has zsh and fish. */
import { expect, test } from "bun:test";
import { dirname } from "node:path";
import { commands } from "../../src/commands/index.ts";
import { LOG_LEVELS } from "../../src/log.ts";
import { options } from "../../src/options.ts";
import { executable } from "../support/executable.ts";
import { run } from "../support/run.ts";

const podexec = executable();

async function offered(...words: string[]): Promise<string[]> {
  const quoted = ["podexec", ...words].map((word) => `'${word}'`).join(" ");
  const code = `eval "$("$0" completion bash)"; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _podexec; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await run(["bash", "--norc", "--noprofile", "-c", code, podexec]);
  expect(stderr).toBe("");
  return stdout.split("\n").filter(Boolean);
}

test("every verb of the table is offered [cli.completion]", async () => {
  expect(await offered("")).toEqual([...Object.keys(commands), "--help"]);
});

test("every option of serve is offered [cli.completion]", async () => {
  const flags = Object.keys(options).map((name) => `--${name}`);
  expect(await offered("serve", "--")).toEqual(expect.arrayContaining([...flags, "--config", "--help"]));
});

test("the words of an option are offered [cli.completion]", async () => {
  expect(await offered("serve", "--log-level", "")).toEqual([...LOG_LEVELS]);
  expect(await offered("doctor", "--log-level", "")).toEqual([...LOG_LEVELS]);
});

test("bash completes on Tab what it found in PATH [cli.completion]", async () => {
  const code = 'eval "$(podexec completion bash)"; complete -p podexec; podexec version';
  const env = { PATH: `${dirname(podexec)}:${process.env["PATH"]}` };
  expect((await run(["bash", "--norc", "-c", code], { env })).stdout).toStartWith(
    "complete -F _podexec podexec\npodexec ",
  );
});

test.each(["zsh", "fish"])("%s reads its script without a complaint [cli.completion]", async (shell) => {
  if (Bun.which(shell) === null && process.env["CI"] !== "true") return;
  const flags = shell === "zsh" ? ["-f"] : ["--no-config"];
  const prelude = shell === "zsh" ? "autoload -U compinit; compinit -u -D; " : "";
  const source = shell === "zsh" ? 'eval "$(podexec completion zsh)"' : "podexec completion fish | source";
  const env = { PATH: `${dirname(podexec)}:${process.env["PATH"]}` };
  expect(await run([shell, ...flags, "-c", prelude + source], { env })).toEqual({ stdout: "", stderr: "" });
});
