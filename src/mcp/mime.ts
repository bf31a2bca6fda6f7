/** What a file holds, as far as its name tells. */
const TYPES: Record<string, string> = {
  css: "text/css",
  csv: "text/csv",
  gif: "image/gif",
  htm: "text/html",
  html: "text/html",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript",
  json: "application/json",
  md: "text/markdown",
  mjs: "text/javascript",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  toml: "application/toml",
  webp: "image/webp",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
};

/** The media type of a file by its name. @param isText where its content is known, whether that is text */
export function mimeOf(path: string, isText?: boolean): string {
  const extension = /\.([a-z0-9]{1,5})$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  const byName = Object.hasOwn(TYPES, extension) ? TYPES[extension] : undefined;
  return byName ?? (isText === false ? "application/octet-stream" : "text/plain");
}
