/** What resources are to a server of either era. Knows no SDK. */
import type { Caller } from "../../sandbox/owners/registry.ts";

export interface ResourceEntry {
  uri: string;
  name: string;
  title?: string;
  description?: string;
  mimeType?: string;
  size?: number;
}

export interface ResourceTemplate {
  uriTemplate: string;
  name: string;
  title: string;
  description: string;
}

export type ResourceContents = { uri: string; mimeType?: string } & ({ text: string } | { blob: string });

export interface ResourcePage {
  resources: ResourceEntry[];
  /** Opaque; gives the next page. */
  nextCursor?: string;
}

export interface Completion {
  values: string[];
  hasMore?: boolean;
}

/** What is to be completed: a variable of a template, with what is known of the others. */
export interface CompletionQuestion {
  template: string;
  variable: string;
  value: string;
  known: Readonly<Record<string, string>>;
}

/** Resources of whatever kind; each method sees the caller's own only. */
export interface Resources {
  templates: readonly ResourceTemplate[];
  /** @throws ProtocolFailure where the cursor is none that it gave */
  list(caller: Caller, cursor?: string): Promise<ResourcePage>;
  /** @throws ResourceNotFound, ProtocolFailure */
  read(caller: Caller, uri: string, signal: AbortSignal): Promise<ResourceContents[]>;
  complete(caller: Caller, question: CompletionQuestion): Promise<Completion>;
  /**
   * Tells of changes until it is closed; what it watches may go away and come back.
   *
   * @throws ResourceNotFound, ProtocolFailure
   */
  watch(caller: Caller, uri: string, onChange: () => void): Promise<{ close(): void }>;
}
