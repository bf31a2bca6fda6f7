import { defineVerb } from "./command.ts";
import { bashScript } from "./completion/bash.ts";
import { fishScript } from "./completion/fish.ts";
import { describeTable, type Node } from "./completion/nodes.ts";
import { zshScript } from "./completion/zsh.ts";

const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } satisfies Record<
  string,
  (nodes: Node[]) => string
>;

/** `podexec completion bash|zsh|fish`: a script made from the dispatch table, for the shell to evaluate. */
export const completion = defineVerb({
  args: {
    shell: { type: "positional", required: true, options: ["bash", "zsh", "fish"], summary: "bash, zsh or fish" },
  },
  details: "The script knows the verbs, their flags and the values that a flag can have.",
  examples: [
    'eval "$(podexec completion bash)"      # in ~/.bashrc',
    'eval "$(podexec completion zsh)"       # in ~/.zshrc, below compinit',
    "podexec completion fish | source       # in ~/.config/fish/config.fish",
  ],
  async run({ args, io, table }) {
    await io.stdout.write(SHELLS[args.shell](await describeTable(table)));
  },
});
