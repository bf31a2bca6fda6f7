/** The tool table as Markdown, for the README. */
import { z } from "zod";
import { tools } from "./tools/index.ts";

interface Schema {
  properties?: Record<string, Schema>;
  required?: readonly string[];
  type?: string | readonly string[];
  anyOf?: readonly Schema[];
  enum?: readonly string[];
  description?: string;
}

/** Each tool with its parameters and results: what stands in README.md between `<!-- tools -->` and `<!-- /tools -->`. */
export function toolsMarkdown(): string {
  return tools
    .map((tool) => {
      const parameters = fields(z.toJSONSchema(tool.input, { io: "input" }) as Schema);
      const results = fields(z.toJSONSchema(tool.output, { io: "output" }) as Schema);
      return `#### \`${tool.name}\`\n\n${tool.description}\n\nParameters:\n\n${parameters}\n\nResult:\n\n${results}`;
    })
    .join("\n\n");
}

function fields(schema: Schema): string {
  return Object.entries(schema.properties ?? {})
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
  return [schema.type ?? "any"].flat().join(" or ");
}
