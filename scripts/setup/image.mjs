import { executable } from "./paths.mjs";
import { quietly, succeeds } from "./run.mjs";

const IMAGE = "localhost/pod_exec_mcp_base:latest";

/** The tool image that sandboxes start from, where this user's Podman has none. */
export const buildImage = {
  title: "tool image",
  async run(say) {
    if (succeeds(["podman", "image", "exists", IMAGE])) return `${IMAGE} is there`;
    say("podexec build-image");
    await quietly([executable, "build-image"]);
    return `built ${IMAGE}`;
  },
};
