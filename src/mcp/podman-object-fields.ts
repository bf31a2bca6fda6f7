/** Pieces of input of the tools for networks, volumes, pods and secrets. */
import { z } from "zod";

const MAX_NAME = 300;

/** The name of one. @param kind such as `network` */
export const nameField = (kind: string) => z.string().min(1).max(MAX_NAME).describe(`Name of the ${kind}.`);

/** The names of several. @param kinds such as `networks` */
export const namesField = (kinds: string) =>
  z.array(z.string().min(1).max(MAX_NAME)).min(1).max(100).describe(`Names of ${kinds}.`);

/** @param what else goes */
export const forceField = (what: string) => z.boolean().default(false).describe(what);

export const limitField = z.int().min(1).max(100).default(50);

export const labelsField = z.record(z.string().max(250), z.string().max(4_096)).optional();

export const objectFilters = z
  .strictObject({
    name: z.string().max(400).optional().describe("A part of the name."),
    label: z.string().max(400).optional().describe("KEY or KEY=VALUE."),
  })
  .optional();
