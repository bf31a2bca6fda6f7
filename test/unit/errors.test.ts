import { expect, test } from "bun:test";
import { failureText } from "../../src/commands/failure.ts";
import { describeError, meaningOf, PodexecError, toPodexecError } from "../../src/errors.ts";

test("kinds of failure have exit statuses of their own [cli.errors]", () => {
  const codes = [
    "USAGE",
    "PODMAN_MISSING",
    "IMAGE_MISSING",
    "PORT_IN_USE",
    "REFUSED",
    "INTERRUPTED",
    "INTERNAL",
  ] as const;
  expect(codes.map((code) => meaningOf(code).exit)).toEqual([2, 3, 4, 5, 6, 130, 1]);
});

test("a failure reads as its message, the details indented, and the next step [cli.errors]", () => {
  const error = new PodexecError("PODMAN_ERROR", "podman run failed", { details: "one\ntwo\n", hint: "Try again." });
  expect(describeError(error)).toBe("podexec: podman run failed\n  one\n  two\n  Try again.");
});

test("anything thrown becomes an error with a code, once [cli.errors]", () => {
  const known = new PodexecError("REFUSED", "no");
  expect(toPodexecError(known)).toBe(known);
  expect(toPodexecError("text")).toMatchObject({ code: "INTERNAL", message: "text" });
  expect(toPodexecError(new RangeError("far"))).toMatchObject({ code: "INTERNAL", message: "far" });
});

test("debugging shows the stack of an error and of its cause [cli.errors]", () => {
  const error = new PodexecError("PODMAN_ERROR", "outer", { cause: new Error("inner") });
  const { text } = failureText(error, { json: false, debug: true });
  expect(text).toMatch(/outer\n\s+at .*errors\.test\.ts/);
  expect(text).toMatch(/caused by Error: inner\n\s+at /);
});
