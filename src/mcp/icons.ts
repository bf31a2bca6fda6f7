/** The icons of the server and its tools: small drawings, one for each toolset. */

export interface Icon {
  src: string;
  mimeType: string;
  sizes: string[];
}

/** Paths in a box of 24 by 24, drawn as lines. */
const SHELL = "M4 5h16v14H4zM7 9l3 3-3 3M12 15h5";
const DRAWINGS: Record<string, string> = {
  sandbox: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  shell: SHELL,
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  podman: "M3 8h18v11H3zM7 8v11M12 8v11M17 8v11M6 5h12",
  port: "M9 3v5M15 3v5M6 8h12v4a6 6 0 0 1-12 0zM12 18v3",
};

/** The icon of a tool, by its set: what its name has before `_`. Without a name, the server's. */
export function iconsOf(tool = "sandbox"): Icon[] {
  const path = DRAWINGS[tool.split("_", 1)[0] ?? ""] ?? SHELL;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="${path}" fill="none" stroke="#2b6cb0" ` +
    `stroke-width="1.8" stroke-linejoin="round"/></svg>`;
  return [{ src: `data:image/svg+xml;base64,${btoa(svg)}`, mimeType: "image/svg+xml", sizes: ["any"] }];
}
