/** `subscriptions/listen` of MCP 2026-07-28: which resources of a request are watched. Knows no SDK. */
import type { Subscriptions } from "./subscriptions.ts";

/** A request, as far as it is looked at. */
export interface ListenRequest {
  jsonrpc: "2.0";
  method: "subscriptions/listen";
  id: string | number;
  params: Record<string, unknown> & { notifications: { resourceSubscriptions: unknown[] } };
}

/** Whether a message asks to hear of changes of resources. */
export function listensToResources(message: unknown): message is ListenRequest {
  const { method, params } = (message ?? {}) as Partial<ListenRequest>;
  return method === "subscriptions/listen" && Array.isArray(params?.notifications?.resourceSubscriptions);
}

/**
 * Begins to watch what a request names.
 *
 * @returns the request with those resources only that this caller may watch and that could be watched
 */
export async function watchWanted(request: ListenRequest, subscriptions: Subscriptions): Promise<ListenRequest> {
  const named = request.params.notifications.resourceSubscriptions.filter((uri) => typeof uri === "string");
  const tried = await Promise.all(
    [...new Set(named)].map((uri) =>
      subscriptions.add(uri).then(
        () => [uri],
        () => [],
      ),
    ),
  );
  const notifications = { ...request.params.notifications, resourceSubscriptions: tried.flat() };
  return { ...request, params: { ...request.params, notifications } };
}

/** The listening requests of one stdio client; they share one set of watches. */
export class Listening {
  readonly #subscriptions: Subscriptions;
  /** The resources of each request; undefined while they are being begun. */
  readonly #requests = new Map<string | number, string[] | undefined>();

  constructor(subscriptions: Subscriptions) {
    this.#subscriptions = subscriptions;
  }

  /** The request as it is to be answered; undefined where it was cancelled meanwhile. */
  async begin(request: ListenRequest): Promise<ListenRequest | undefined> {
    this.end(request.id);
    this.#requests.set(request.id, undefined);
    const honoured = await watchWanted(request, this.#subscriptions);
    const uris = honoured.params.notifications.resourceSubscriptions as string[];
    if (this.#requests.has(request.id)) {
      this.#requests.set(request.id, uris);
      return honoured;
    }
    this.#forget(uris);
    return undefined;
  }

  end(id: string | number): void {
    const uris = this.#requests.get(id);
    this.#requests.delete(id);
    this.#forget(uris ?? []);
  }

  #forget(uris: readonly string[]): void {
    const stillWanted = new Set([...this.#requests.values()].flatMap((kept) => kept ?? []));
    for (const uri of uris) if (!stillWanted.has(uri)) this.#subscriptions.remove(uri);
  }
}
