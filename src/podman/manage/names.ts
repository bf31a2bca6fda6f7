/** Names that clients give, checked before Podman sees them: none of them can become a flag or name another thing. */
import { PodexecError } from "../../errors.ts";

/** Podman's own rule for containers, pods, volumes, networks and secrets, and a bound. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/;
const REFERENCE_PART = "[a-zA-Z0-9][a-zA-Z0-9._-]*";
/** `registry:port/path/name:tag@sha256:digest`, or an image's id (distribution/reference). */
const IMAGE = new RegExp(
  `^(?:${REFERENCE_PART}(?::\\d{1,5})?/)?(?:${REFERENCE_PART}/)*${REFERENCE_PART}(?::[\\w][\\w.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$`,
);
const VARIABLE = /^[a-zA-Z_][a-zA-Z0-9_.-]*(=[^\0]*)?$/s;
const LABEL_KEY = /^[a-zA-Z0-9][a-zA-Z0-9_.\-/]{0,250}$/;
const MAX_IMAGE = 400;
const MAX_TEXT = 131_072;
const MAX_PATH = 4_095;
const FIELD_SEPARATORS = /[\0\n]/;

/**
 * A container's name or id.
 *
 * @throws PodexecError INVALID_CONTAINER_NAME
 */
export function containerName(name: string): string {
  if (NAME.test(name)) return name;
  throw new PodexecError("INVALID_CONTAINER_NAME", `${quoted(name)} is no name of a container`, {
    hint: "Names begin with a letter or digit and have letters, digits, `_`, `.` and `-`. podman_ps shows them.",
  });
}

/**
 * The name of an object other than a container, such as a volume.
 *
 * @param kind what it names, for the message
 * @throws PodexecError INVALID_PARAMS
 */
export function objectName(kind: string, name: string): string {
  if (NAME.test(name)) return name;
  throw new PodexecError("INVALID_PARAMS", `${quoted(name)} is no name of a ${kind}`, {
    hint: "Names begin with a letter or digit and have letters, digits, `_`, `.` and `-`.",
  });
}

/**
 * An image's reference or id, without a transport in front.
 *
 * @throws PodexecError INVALID_IMAGE_NAME
 */
export function imageName(name: string): string {
  const isId = /^sha256:[a-f0-9]{64}$/.test(name);
  if (name.length <= MAX_IMAGE && (isId || IMAGE.test(name))) return name;
  throw new PodexecError("INVALID_IMAGE_NAME", `${quoted(name)} is no name of an image`, {
    hint: "An image is named such as docker.io/library/debian:13, or by its id.",
  });
}

/** `NAME=VALUE`, or `NAME` alone where `bare` allows that. @throws PodexecError INVALID_PARAMS */
export function variable(text: string): string {
  if (text.length <= MAX_TEXT && VARIABLE.test(text) && text.includes("=")) return text;
  throw new PodexecError("INVALID_PARAMS", `env: ${quoted(text.split("=", 1)[0] ?? "")} is not NAME=VALUE`);
}

/**
 * Labels of podexec and of Podman's own programs are not for clients: they decide what may be done. `podexec.test` decides
 * nothing.
 */
const RESERVED = /^(podexec($|\.(?!test$))|io\.podman\.|io\.buildah\.|PODMAN_SYSTEMD_UNIT$)/;

/** `key=value` for `--label`. @throws PodexecError INVALID_PARAMS, REFUSED for labels that podexec itself uses */
export function label([key, value]: [string, string]): string {
  if (RESERVED.test(key)) throw new PodexecError("REFUSED", `labels: ${key} is podexec's or Podman's own`);
  if (LABEL_KEY.test(key) && !value.includes("\0") && value.length <= MAX_TEXT) return `${key}=${value}`;
  throw new PodexecError("INVALID_PARAMS", `labels: ${quoted(key)} is no name of a label`);
}

/** An absolute path inside a container. @throws PodexecError INVALID_PARAMS */
export function containerPath(field: string, path: string): string {
  if (path.startsWith("/") && path.length <= MAX_PATH && !FIELD_SEPARATORS.test(path)) return path;
  throw new PodexecError("INVALID_PARAMS", `${field}: ${quoted(path)} is no absolute path`);
}

const USER = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,63}(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,63})?$/;

/** `user`, `uid` or either with `:group`. @throws PodexecError INVALID_PARAMS */
export function userName(user: string): string {
  if (USER.test(user)) return user;
  throw new PodexecError("INVALID_PARAMS", `user: ${quoted(user)} is no user`);
}

const TIME = /^(\d{1,12}(\.\d{1,9})?|(\d{1,6}(\.\d+)?(h|m|s|ms))+|\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:\d\d)?)?)$/;

/** A time as Podman reads it: `10m`, seconds of the epoch, `2026-01-02T15:04:05Z`. @throws PodexecError INVALID_PARAMS */
export function timeText(field: string, text: string): string {
  if (text.length <= 64 && TIME.test(text)) return text;
  throw new PodexecError("INVALID_PARAMS", `${field}: ${quoted(text)} is no time`, {
    hint: "Give a time before now such as 10m, seconds of the epoch, or 2026-01-02T15:04:05Z.",
  });
}

const FILTER_VALUE = /^[^\0\n]{1,400}$/;

/** A value for `--filter key=value`. @throws PodexecError INVALID_PARAMS */
export function filter(key: string, value: string): string[] {
  if (FILTER_VALUE.test(value)) return ["--filter", `${key}=${value}`];
  throw new PodexecError("INVALID_PARAMS", `filters.${key}: must have 1 to 400 characters on one line`);
}

/** A text from outside in a message: short, on one line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
