import { expect, test } from "bun:test";
import { nearest } from "../../src/nearest.ts";

const verbs = ["serve", "build-image", "doctor", "sessions", "version", "completion"];

test.each([
  ["srve", "serve"],
  ["sevre", "serve"],
  ["build", "build-image"],
  ["image-build", undefined],
  ["docker", "doctor"],
  ["session", "sessions"],
  ["x", undefined],
  ["", undefined],
  ["kubernetes", undefined],
])("%p was meant as %p [cli.unknown]", (word, expected) => {
  expect(nearest(word, verbs)).toBe(expected as string);
});
