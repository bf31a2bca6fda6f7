import { z } from "zod";
import { eachOf } from "../../podman/manage/batch.ts";
import { ownImage, removeImage } from "../../podman/manage/images.ts";
import { filter, imageName } from "../../podman/manage/names.ts";
import { historyRow, imageRow } from "../../podman/manage/schemas.ts";
import { shortId, sizeText, table } from "../../podman/manage/text.ts";
import {
  batchAnswer,
  batchOutput,
  CHANGES,
  DESTROYS,
  filterField,
  imageField,
  managerOf,
  READS,
} from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const MAX_IMAGES = 200;

const imageRows = z
  .array(imageRow)
  .nullish()
  .transform((list) => list ?? []);
const historyRows = z
  .array(historyRow)
  .nullish()
  .transform((list) => list ?? []);

export const podmanImages = defineTool({
  name: "podman_images",
  toolset: "podman",
  title: "List images",
  description: "List the host's images with names, ids and sizes; at most 200, the newest first.",
  input: z.strictObject({
    all: z.boolean().default(false).describe("Also intermediate ones."),
    filters: z
      .strictObject({
        reference: filterField.describe("A pattern of names such as *debian*."),
        label: filterField.describe("KEY or KEY=VALUE."),
      })
      .optional(),
  }),
  output: z.object({
    images: z.array(imageRow).describe("As `podman images --format json` has them."),
    total: z.int(),
  }),
  annotations: READS,
  async run({ all, filters }, context) {
    const manager = managerOf(context);
    const wanted = Object.entries(filters ?? {}).flatMap(([key, value]) =>
      [value ?? []].flat().flatMap((one) => filter(key, one)),
    );
    const args = ["images", "--format", "json", ...(all ? ["--all"] : []), ...wanted];
    // An image has a row for each of its names, and each row has them all.
    const listed = await manager.json(args, imageRows, { signal: context.signal });
    const found = [...new Map(listed.map((row) => [row.Id, row])).values()];
    const images = found.slice(0, MAX_IMAGES);
    const rows = images.map(({ Id, Names, Size, CreatedAt }) => [
      shortId(Id),
      Names?.join(", ") ?? "<none>",
      sizeText(Size),
      CreatedAt,
    ]);
    const text = table(["ID", "NAMES", "SIZE", "CREATED"], rows, "No images.");
    return { structured: { images, total: found.length }, text };
  },
});

export const podmanImageHistory = defineTool({
  name: "podman_image_history",
  toolset: "podman",
  title: "Show an image's history",
  description: "Show the layers of an image of the host: what made each, when, and how large it is.",
  input: z.strictObject({ image: imageField }),
  output: z.object({ history: z.array(historyRow) }),
  annotations: READS,
  async run({ image }, context) {
    const args = ["image", "history", "--format", "json", "--", imageName(image)];
    const history = await managerOf(context).json(args, historyRows, { signal: context.signal });
    const rows = history.map(({ id, created, size, CreatedBy }) => [
      shortId(id ?? ""),
      created,
      sizeText(size),
      CreatedBy,
    ]);
    return { structured: { history }, text: table(["ID", "CREATED", "SIZE", "BY"], rows) };
  },
});

export const podmanTag = defineTool({
  name: "podman_tag",
  toolset: "podman",
  title: "Name an image",
  description: "Give an image of the host further names.",
  input: z.strictObject({
    image: imageField,
    tags: z.array(z.string().max(400)).min(1).max(20).describe("The new names."),
  }),
  output: z.object({ id: z.string(), tags: z.array(z.string()) }),
  annotations: CHANGES,
  async run({ image, tags }, context) {
    const manager = managerOf(context);
    const names = tags.map(imageName);
    const id = await ownImage(manager, image, context.signal);
    await manager.must(["image", "tag", "--", id, ...names], { signal: context.signal });
    return { structured: { id, tags: names }, text: `${shortId(id)} is ${names.join(", ")} too.` };
  },
});

export const podmanRmi = defineTool({
  name: "podman_rmi",
  toolset: "podman",
  title: "Remove images",
  description:
    "Remove images of the host, or a name of theirs. Each has a result of its own; with `force` the containers that use them " +
    "go too.",
  input: z.strictObject({
    images: z.array(z.string().max(400)).min(1).max(100).describe("Names or ids."),
    force: z.boolean().default(false).describe("Remove the containers that use them too."),
  }),
  output: batchOutput,
  annotations: DESTROYS,
  async run({ images, force }, context) {
    const manager = managerOf(context);
    const results = await eachOf(images, (name) => removeImage(manager, { name, force }, context.signal));
    return batchAnswer(results, "removed");
  },
});
