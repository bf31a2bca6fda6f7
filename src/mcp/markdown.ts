/** The tool table as Markdown. */
import { z } from "zod";
import type { Tool } from "./tool.ts";

interface Schema {
  properties?: Record<string, Schema>;
  required?: readonly string[];
  type?: string | readonly string[];
  anyOf?: readonly Schema[];
  items?: Schema;
  enum?: readonly string[];
  description?: string;
}

/** Each tool with its parameters and results. */
export function toolsMarkdown(tools: readonly Tool[]): string {
  return tools
    .map((tool) => {
      const parameters = fields(z.toJSONSchema(tool.input, { io: "input" }) as Schema);
      const results = fields(z.toJSONSchema(tool.output, { io: "output" }) as Schema);
      return `#### \`${tool.name}\`\n\n${tool.description}\n\nParameters:\n\n${parameters}\n\nResult:\n\n${results}`;
    })
    .join("\n\n");
}

function fields(schema: Schema): string {
  const all = Object.entries(schema.properties ?? {});
  if (all.length === 0) return "- none";
  return all
    .map(([name, field]) => {
      const optional = schema.required?.includes(name) ? "" : "?";
      const described = field.description ? `: ${field.description}` : "";
      return `- \`${name}${optional}\` (${typeOf(field)})${described}`;
    })
    .join("\n");
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(", ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.items?.properties) return `array of {${namesOf(schema.items)}}`;
  if (schema.items) return `array of ${typeOf(schema.items)}`;
  return [schema.type ?? "any"].flat().join(" or ");
}

/** The fields of an object, `?` behind those that may be missing. */
function namesOf({ properties = {}, required = [] }: Schema): string {
  return Object.keys(properties)
    .map((name) => `\`${name}${required.includes(name) ? "" : "?"}\``)
    .join(", ");
}
