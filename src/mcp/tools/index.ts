import type { Tool } from "../tool.ts";
import { fileDelete } from "./file-delete.ts";
import { fileEdit } from "./file-edit.ts";
import { fileList } from "./file-list.ts";
import { fileMove } from "./file-move.ts";
import { fileRead } from "./file-read.ts";
import { fileSearch } from "./file-search.ts";
import { fileWrite } from "./file-write.ts";
import { podmanBuild } from "./podman-build.ts";
import { podmanComposeDown, podmanComposeUp } from "./podman-compose.ts";
import { podmanEvents } from "./podman-events.ts";
import { podmanExec } from "./podman-exec.ts";
import { podmanCp, podmanDiff } from "./podman-files.ts";
import { podmanHealthcheck } from "./podman-healthcheck.ts";
import { podmanDf, podmanInfo } from "./podman-host.ts";
import { podmanImageHistory, podmanImages, podmanRmi, podmanTag } from "./podman-images.ts";
import { podmanInspect } from "./podman-inspect.ts";
import { podmanRestart, podmanRm, podmanStart, podmanStop } from "./podman-lifecycle.ts";
import { podmanKubeGenerate, podmanKubePlay } from "./podman-kube.ts";
import { podmanLogs } from "./podman-logs.ts";
import { podmanNetworkCreate, podmanNetworkInspect, podmanNetworkList, podmanNetworkRemove } from "./podman-network.ts";
import { podmanPodCreate, podmanPodInspect, podmanPodList, podmanPodRemove } from "./podman-pod.ts";
import { podmanPrune } from "./podman-prune.ts";
import { podmanPs } from "./podman-ps.ts";
import { podmanPull, podmanPush } from "./podman-registry.ts";
import { podmanRun } from "./podman-run.ts";
import { podmanSecretCreate, podmanSecretInspect, podmanSecretList, podmanSecretRemove } from "./podman-secret.ts";
import { podmanAutoUpdate, podmanSystemdGenerate } from "./podman-systemd.ts";
import { podmanStats, podmanTop } from "./podman-usage.ts";
import { podmanVolumeCreate, podmanVolumeInspect, podmanVolumeList, podmanVolumeRemove } from "./podman-volume.ts";
import { portClose } from "./port-close.ts";
import { portExpose } from "./port-expose.ts";
import { portList } from "./port-list.ts";
import { sandboxClose } from "./sandbox-close.ts";
import { sandboxCreate } from "./sandbox-create.ts";
import { sandboxInfo } from "./sandbox-info.ts";
import { sandboxList } from "./sandbox-list.ts";
import { shellExec } from "./shell-exec.ts";
import { shellInput } from "./shell-input.ts";
import { shellKill } from "./shell-kill.ts";
import { shellList } from "./shell-list.ts";
import { shellOutput } from "./shell-output.ts";
import { shellWait } from "./shell-wait.ts";

/** THE table of tools. */
export const tools = [
  sandboxCreate,
  sandboxList,
  sandboxInfo,
  sandboxClose,
  shellExec,
  shellWait,
  shellInput,
  shellKill,
  shellList,
  shellOutput,
  fileRead,
  fileWrite,
  fileEdit,
  fileList,
  fileSearch,
  fileDelete,
  fileMove,
  portExpose,
  portList,
  portClose,
  podmanPs,
  podmanRun,
  podmanStop,
  podmanStart,
  podmanRestart,
  podmanRm,
  podmanExec,
  podmanLogs,
  podmanInspect,
  podmanStats,
  podmanTop,
  podmanEvents,
  podmanCp,
  podmanDiff,
  podmanHealthcheck,
  podmanImages,
  podmanPull,
  podmanPush,
  podmanBuild,
  podmanTag,
  podmanRmi,
  podmanImageHistory,
  podmanInfo,
  podmanDf,
  podmanComposeUp,
  podmanComposeDown,
  podmanNetworkList,
  podmanNetworkInspect,
  podmanNetworkCreate,
  podmanNetworkRemove,
  podmanVolumeList,
  podmanVolumeInspect,
  podmanVolumeCreate,
  podmanVolumeRemove,
  podmanPodList,
  podmanPodInspect,
  podmanPodCreate,
  podmanPodRemove,
  podmanSecretList,
  podmanSecretInspect,
  podmanSecretCreate,
  podmanSecretRemove,
  podmanKubeGenerate,
  podmanKubePlay,
  podmanSystemdGenerate,
  podmanAutoUpdate,
  podmanPrune,
] as unknown as readonly Tool[];
