import { closeSync, openSync } from "node:fs";
import net from "node:net";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection, ConnectionHandlers } from "../sandbox/engine.ts";

/** The longest path a unix socket can have, without the final NUL: unix(7). */
const MAX_SOCKET_PATH = 107;
/** A socket's file is there a moment before its owner listens. */
const REFUSED_TRIES = 50;
const REFUSED_PAUSE_MS = 5;

/**
 * Connects to a unix socket, also one whose path is longer than a socket address holds.
 *
 * @throws the system's error, such as ENOENT or ECONNREFUSED
 */
export async function connectUnix(path: string, handlers: ConnectionHandlers): Promise<Connection> {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return connectPatiently(path, handlers);
  const folder = openSync(dirname(path), "r");
  try {
    return await connectPatiently(`/proc/self/fd/${folder}/${basename(path)}`, handlers);
  } finally {
    closeSync(folder);
  }
}

async function connectPatiently(path: string, handlers: ConnectionHandlers): Promise<Connection> {
  for (let tries = 1; ; tries++) {
    try {
      return await connect(path, handlers);
    } catch (error) {
      // EAGAIN: more wait to be accepted than may.
      const isRefused = ["ECONNREFUSED", "EAGAIN"].includes((error as { code?: string }).code ?? "");
      if (!isRefused || tries >= REFUSED_TRIES) throw error;
      await sleep(REFUSED_PAUSE_MS);
    }
  }
}

function connect(path: string, handlers: ConnectionHandlers): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      // An error is followed by `close`, which is where the end is handled.
      socket.on("error", () => {});
      socket.on("data", (bytes: Uint8Array) => handlers.onData(bytes));
      socket.once("close", () => handlers.onClose());
      resolve(connectionOf(socket));
    });
  });
}

function connectionOf(socket: net.Socket): Connection {
  return {
    send: (bytes) => socket.write(bytes),
    drained: () => untilDrained(socket),
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.destroy(),
  };
}

function untilDrained(socket: net.Socket): Promise<void> {
  if (!socket.writableNeedDrain || socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.once("drain", done);
    socket.once("close", done);
  });
}
