/** Published ports, as a client writes them. */
import { PodexecError } from "../../errors.ts";
import { quoted } from "./names.ts";

const FORM =
  /^(?:(?<address>\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):)?(?:(?<host>\d{1,5}(?:-\d{1,5})?)?:)?(?<container>\d{1,5}(?:-\d{1,5})?)(?:\/(?:tcp|udp|sctp))?$/;

/**
 * `[ADDRESS:][HOST:]CONTAINER[/PROTOCOL]`, the ports also as ranges `8000-8010`, as Podman takes it.
 *
 * @throws PodexecError INVALID_PARAMS
 */
export function portMapping(text: string): string {
  const { address, host, container = "" } = FORM.exec(text)?.groups ?? {};
  const ranges = [container, ...(host === undefined ? [] : [host])].map(rangeOf);
  const isRight = ranges.every((length) => length > 0) && (ranges.length < 2 || fits(ranges));
  if (isRight && isAddress(address)) return text;
  throw new PodexecError("INVALID_PARAMS", `ports: ${quoted(text)} is no mapping of ports`, {
    hint: "Write HOST:CONTAINER such as 8080:80, also 127.0.0.1:8080:80/tcp, or ranges of one length 8000-8010:8000-8010.",
  });
}

/** How many ports; 0 for what is none. */
function rangeOf(text: string): number {
  const [from = 0, to = from] = text.split("-").map(Number);
  return from >= 1 && to >= from && to <= 65_535 ? to - from + 1 : 0;
}

/** One port may have a range of the host to choose from. */
function fits([container = 0, host = 0]: readonly number[]): boolean {
  return container === host || container === 1;
}

function isAddress(address: string | undefined): boolean {
  return address === undefined || address.startsWith("[") || address.split(".").every((part) => Number(part) <= 255);
}
